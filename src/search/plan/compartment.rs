//! What belongs to one resource, as SQL. <https://hl7.org/fhir/R4/compartmentdefinition.html>
//!
//! A patient's compartment has an index of its own, on which access is decided too. The others, and what of a
//! patient's is no part of their record (groups, and patients who are linked), are found by the references that
//! R4's definition names.

use crate::definitions::ITSELF;
use crate::fhir::ResourceType;
use crate::search::plan::scope::Scope;
use crate::search::plan::scope::Seen;
use crate::search::plan::scope::in_compartment;
use crate::search::query::Compartment;
use crate::search::rows::NO_COMPARTMENT;
use crate::search::sql::Bind;
use crate::search::sql::Sql;

/// The resources of a type that stand in a compartment.
pub(super) enum Members<'a> {
    /// Those in the record of a patient.
    OfPatient {
        /// The patient's id.
        patient: &'a str,
        /// The type.
        ty: ResourceType,
    },
    /// Those that refer to what the compartment is about by one of these parameters; for its own type also itself.
    Referring {
        /// The compartment.
        compartment: &'a Compartment,
        /// The parameters.
        params: Vec<i64>,
        /// Whether the resource itself is one of the type.
        is_own: bool,
    },
}

impl Seen<'_> {
    /// The resources of this type that stand in a compartment.
    pub(super) fn members<'a>(&self, compartment: &'a Compartment, ty: ResourceType) -> Members<'a> {
        if compartment.ty.name() == "Patient" && !NO_COMPARTMENT.contains(&ty.name()) {
            return Members::OfPatient { patient: &compartment.id, ty };
        }
        let codes = self.parameters.members(compartment.ty).and_then(|members| members.get(&ty));
        let codes = codes.map_or(&[][..], Vec::as_slice);
        let params = codes.iter().filter_map(|code| self.parameters.find(ty, code));
        Members::Referring {
            compartment,
            params: params.map(|own| own.kept_to(compartment.ty)).collect(),
            is_own: codes.iter().any(|code| code == ITSELF),
        }
    }
}

impl Members<'_> {
    /// The row is one of them.
    pub(super) fn holds(&self, scope: &Scope) -> Sql {
        match self {
            Members::OfPatient { patient, ty } => {
                let own = [(*patient).to_owned()];
                in_compartment(&own, Sql::of("?", [ty.number().into()]), scope)
            }
            Members::Referring { .. } => {
                scope.column("rid").push(" IN (", []).append(self.rows()).push(")", [])
            }
        }
    }

    /// Whether an index has them in the order of their rows.
    pub(super) fn is_record(&self) -> bool {
        matches!(self, Members::OfPatient { .. })
    }

    /// Their rows, each once, as `d0`, and what they must satisfy.
    pub(super) fn as_found(&self) -> (Sql, Sql) {
        match self {
            Members::OfPatient { patient, ty } => in_record(patient, *ty),
            Members::Referring { .. } => {
                let from = Sql::of("(", []).append(self.rows()).push(") d0", []);
                (from, Sql::of("1 = 1", []))
            }
        }
    }

    /// Their rows, each once.
    pub(super) fn rows(&self) -> Sql {
        let (compartment, params, is_own) = match self {
            Members::OfPatient { patient, ty } => {
                let binds = [(*patient).into(), ty.number().into()];
                return Sql::of(
                    "SELECT k.rid FROM idx_compartment k WHERE k.patient = ? AND k.type = ?",
                    binds,
                );
            }
            Members::Referring { compartment, params, is_own } => (compartment, params, is_own),
        };
        let (ty, id): (Bind, Bind) = (compartment.ty.number().into(), compartment.id.as_str().into());
        let itself = "SELECT o.rid FROM resource o WHERE o.type = ? AND o.id = ? AND o.deleted = 0";
        let itself = Sql::of(itself, [ty.clone(), id.clone()]);
        let referring = (!params.is_empty()).then(|| {
            let params = Sql::list(params.iter().map(|param| (*param).into()).collect());
            let sql =
                Sql::of("SELECT DISTINCT x.rid FROM idx_reference x WHERE x.param IN (", []).append(params);
            sql.push(") AND x.target_type = ? AND x.target_id = ?", [ty, id])
        });
        match (is_own, referring) {
            (true, Some(referring)) => itself.push(" UNION ", []).append(referring),
            (true, None) => itself,
            (false, Some(referring)) => referring,
            // Nothing of the type stands in such a compartment.
            (false, None) => itself.push(" AND 1 = 0", []),
        }
    }
}

/// The rows of a patient's compartment, as `d0`, and what they must satisfy.
pub(super) fn in_record(patient: &str, ty: ResourceType) -> (Sql, Sql) {
    let filter = Sql::of("d0.patient = ? AND d0.type = ?", [patient.into(), ty.number().into()]);
    (Sql::of("idx_compartment d0", []), filter)
}
