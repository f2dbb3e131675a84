//! The tables of the search index, for writing their rows. <https://hl7.org/fhir/R4/search.html>

/// A table of the index: its name, and its columns with the type of their PostgreSQL arrays.
pub(super) struct Table {
    /// Its name.
    pub(super) name: &'static str,
    /// Its columns.
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// What a column holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Integers.
    Int,
    /// Floating-point numbers.
    Real,
    /// Texts.
    Text,
}

/// All of them.
pub(super) const TABLES: [Table; 10] = [
    Table {
        name: "idx_token",
        columns: &[("param", Kind::Int), ("code", Kind::Text), ("system", Kind::Int), ("rid", Kind::Int)],
    },
    Table {
        name: "idx_string",
        columns: &[("param", Kind::Int), ("folded", Kind::Text), ("exact", Kind::Text), ("rid", Kind::Int)],
    },
    Table {
        name: "idx_reference",
        columns: &[
            ("param", Kind::Int),
            ("target_type", Kind::Int),
            ("target_id", Kind::Text),
            ("rid", Kind::Int),
        ],
    },
    Table {
        name: "idx_date",
        columns: &[("param", Kind::Int), ("low", Kind::Int), ("high", Kind::Int), ("rid", Kind::Int)],
    },
    Table {
        name: "idx_number",
        columns: &[("param", Kind::Int), ("low", Kind::Real), ("high", Kind::Real), ("rid", Kind::Int)],
    },
    Table {
        name: "idx_quantity",
        columns: &[
            ("param", Kind::Int),
            ("low", Kind::Real),
            ("high", Kind::Real),
            ("system", Kind::Int),
            ("code", Kind::Text),
            ("rid", Kind::Int),
        ],
    },
    Table { name: "idx_uri", columns: &[("param", Kind::Int), ("uri", Kind::Text), ("rid", Kind::Int)] },
    Table {
        name: "idx_compartment",
        columns: &[("patient", Kind::Text), ("type", Kind::Int), ("rid", Kind::Int)],
    },
    Table {
        name: "idx_composite",
        columns: &[
            ("param", Kind::Int),
            ("code", Kind::Text),
            ("system", Kind::Int),
            ("code2", Kind::Text),
            ("system2", Kind::Int),
            ("low", Kind::Int),
            ("high", Kind::Int),
            ("low2", Kind::Int),
            ("high2", Kind::Int),
            ("place", Kind::Int),
            ("rid", Kind::Int),
        ],
    },
    Table {
        name: "contained",
        columns: &[("rid", Kind::Int), ("container", Kind::Int), ("type", Kind::Int), ("id", Kind::Text)],
    },
];
