//! Whose versions a caller sees who does not see all: where their rows come from, and what is left out of them.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use crate::search::sql::Bind;
use crate::search::sql::Sql;
use crate::store::history::Table;
use crate::store::resources::Narrow;

/// The versions of these types, from where those who see no more begin to look.
pub(super) fn of_types(narrow: &Narrow, types: Vec<Bind>) -> Vec<(Table, Sql)> {
    match narrow {
        Narrow::Nothing => Vec::new(),
        Narrow::All => types.into_iter().flat_map(of_type).collect(),
        Narrow::Inside(patients)
        | Narrow::Whole(patients)
        | Narrow::Referred(patients)
        | Narrow::Linked(patients)
            if patients.is_empty() =>
        {
            Vec::new()
        }
        Narrow::Inside(patients) | Narrow::Whole(patients) => {
            of_compartments(texts(patients), Sql::list(types), narrow)
        }
        Narrow::Referred(patients) | Narrow::Linked(patients) => {
            referred_to((texts(patients), narrow), Sql::list(types))
        }
    }
}

fn of_type(ty: Bind) -> [(Table, Sql); 2] {
    let earlier = " FROM history h CROSS JOIN resource r WHERE h.type = ? AND r.rid = h.rid";
    [
        (Table::Current, Sql::of(" FROM resource r WHERE r.type = ?", [ty.clone()])),
        (Table::Earlier, Sql::of(earlier, [ty])),
    ]
}

/// From the patients' compartments on, which are small beside a type.
fn of_compartments(patients: Sql, types: Sql, narrow: &Narrow) -> Vec<(Table, Sql)> {
    let inside = |from: &'static str| {
        let sql = Sql::of(from, []).append(patients.clone());
        sql.push(") AND p.type IN (", []).append(types.clone()).push(")", [])
    };
    let current = inside(" FROM (SELECT p.rid FROM idx_compartment p WHERE p.patient IN (")
        .append(inside(" UNION SELECT p.rid FROM history_compartment p WHERE p.patient IN ("))
        .push(") k CROSS JOIN resource r WHERE r.rid = k.rid", []);
    let earlier = inside(
        " FROM (SELECT DISTINCT p.rid, p.version FROM history_compartment p WHERE p.patient IN (",
    )
    .push(
        ") k CROSS JOIN history h CROSS JOIN resource r WHERE h.rid = k.rid AND h.version = k.version \
             AND r.rid = h.rid",
        [],
    );
    let earlier = earlier.append(told(narrow)).append(narrow.sql());
    vec![(Table::Current, current.append(narrow.sql())), (Table::Earlier, earlier)]
}

/// What something in the patients' compartments refers to now.
fn referred_to((patients, narrow): (Sql, &Narrow), types: Sql) -> Vec<(Table, Sql)> {
    let named = Sql::of(
        " FROM (SELECT DISTINCT x.target_type, x.target_id FROM idx_compartment c CROSS JOIN idx_reference x \
         WHERE x.rid = c.rid AND x.param <> 0",
        [],
    )
    .push(narrow.kept(), [])
    .push(" AND c.patient IN (", [])
    .append(patients)
    .push(") AND x.target_type IN (", [])
    .append(types)
    .push(")) k CROSS JOIN resource r", []);
    let current = " WHERE r.type = k.target_type AND r.id = k.target_id";
    let earlier =
        " CROSS JOIN history h WHERE r.type = k.target_type AND r.id = k.target_id AND h.rid = r.rid";
    let current = named.clone().push(current, []).push(narrow.told(), []);
    let earlier = named.push(earlier, []).push(narrow.told(), []).append(told(narrow));
    vec![(Table::Current, current), (Table::Earlier, earlier)]
}

/// The version is not kept from the patients, where anything is.
fn told(narrow: &Narrow) -> Sql {
    match narrow {
        Narrow::Inside(_) | Narrow::Referred(_) => Sql::of(
            " AND NOT EXISTS (SELECT 1 FROM history_not_for_patient n WHERE n.rid = h.rid AND n.version = h.version)",
            [],
        ),
        Narrow::All | Narrow::Nothing | Narrow::Whole(_) | Narrow::Linked(_) => Sql::default(),
    }
}

/// The version stood in the compartment of one of the patients at its time, and may be told.
pub(super) fn stood(narrow: &Narrow) -> Sql {
    match narrow {
        Narrow::Inside(patients) | Narrow::Whole(patients) if !patients.is_empty() => Sql::of(
            " AND EXISTS (SELECT 1 FROM history_compartment p WHERE p.rid = h.rid AND p.version = h.version \
             AND p.patient IN (",
            [],
        )
        .append(texts(patients))
        .push("))", [])
        .append(told(narrow)),
        // The condition on the resource says the rest.
        Narrow::All
        | Narrow::Nothing
        | Narrow::Inside(_)
        | Narrow::Whole(_)
        | Narrow::Referred(_)
        | Narrow::Linked(_) => told(narrow),
    }
}

fn texts(texts: &[String]) -> Sql {
    Sql::list(texts.iter().map(|text| Bind::from(text.as_str())).collect())
}
