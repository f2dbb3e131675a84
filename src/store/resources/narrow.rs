//! How much of one type a caller may see, as a condition of statements.
//! <https://hl7.org/fhir/R4/compartmentdefinition-patient.html>

use crate::search::sql::Sql;

/// What is no resource that is kept from the patients.
const TOLD: &str = " AND NOT EXISTS (SELECT 1 FROM not_for_patient f WHERE f.rid = r.rid)";

/// How much of one type a caller may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Narrow {
    /// All of it.
    All,
    /// None of it.
    Nothing,
    /// What stands in the compartment of one of these patients and is not kept from them.
    Inside(Vec<String>),
    /// All that stands in the compartment of one of these patients, for rules that tell none of what is kept from them.
    Whole(Vec<String>),
    /// What something in the compartment of one of these patients refers to, where neither is kept from them.
    Referred(Vec<String>),
    /// What anything in the compartment of one of these patients refers to.
    Linked(Vec<String>),
}

impl Narrow {
    /// A condition on `c`, what stands in the compartment: it is not kept from the patients, where anything is.
    pub(crate) fn kept(&self) -> &'static str {
        match self {
            Self::Inside(_) | Self::Referred(_) => {
                " AND NOT EXISTS (SELECT 1 FROM not_for_patient f WHERE f.rid = c.rid)"
            }
            Self::All | Self::Nothing | Self::Whole(_) | Self::Linked(_) => "",
        }
    }

    /// As a condition on `r`. Where it is deleted, it stands in the compartments where it stood till then.
    pub(crate) fn sql(&self) -> Sql {
        let list = |patients: &[String]| Sql::list(patients.iter().map(|id| id.as_str().into()).collect());
        match self {
            Self::All => Sql::default(),
            Self::Nothing => Sql::of(" AND 1 = 0", []),
            Self::Inside(patients)
            | Self::Whole(patients)
            | Self::Referred(patients)
            | Self::Linked(patients)
                if patients.is_empty() =>
            {
                Self::Nothing.sql()
            }
            Self::Inside(patients) => Self::Whole(patients.clone()).sql().push(TOLD, []),
            Self::Whole(patients) => Sql::of(
                " AND (EXISTS (SELECT 1 FROM idx_compartment c WHERE c.rid = r.rid AND c.type = r.type \
                 AND c.patient IN (",
                [],
            )
            .append(list(patients))
            .push(
                ")) OR (r.deleted = 1 AND EXISTS (SELECT 1 FROM history_compartment d WHERE d.rid = r.rid \
                 AND d.version = r.version AND d.patient IN (",
                [],
            )
            .append(list(patients))
            .push("))))", []),
            Self::Referred(patients) | Self::Linked(patients) => Sql::of(
                " AND EXISTS (SELECT 1 FROM idx_compartment c JOIN idx_reference x ON x.rid = c.rid \
                 WHERE x.param <> 0 AND x.target_type = r.type AND x.target_id = r.id",
                [],
            )
            .push(self.kept(), [])
            .push(" AND c.patient IN (", [])
            .append(list(patients))
            .push("))", [])
            .push(self.told(), []),
        }
    }

    /// A condition on `r`, which something in the compartment refers to: it is not kept from the patients itself, where
    /// anything is.
    pub(crate) fn told(&self) -> &'static str {
        match self {
            Self::Inside(_) | Self::Referred(_) => TOLD,
            Self::All | Self::Nothing | Self::Whole(_) | Self::Linked(_) => "",
        }
    }
}
