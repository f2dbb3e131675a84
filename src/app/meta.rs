//! Resources that show which profiles, tags and security labels there are, as far as the caller may see them.
//! <https://hl7.org/fhir/R4/resource-operation-meta.html>

use crate::access::Action;
use crate::app::session::Session;
use crate::fhir::Failure;
use crate::fhir::ResourceType;
use crate::store::Stored;
use crate::store::meta;
use crate::store::meta::Wanted;
use crate::store::resources::Narrow;

impl Session {
    /// For each profile, tag and security label of a type, or of all types, a resource that has it.
    ///
    /// # Errors
    /// `Forbidden` without the scope to search the type, or any.
    pub fn examples_of_meta(&self, ty: Option<ResourceType>) -> Result<Vec<Stored>, Failure> {
        let groups = match ty {
            Some(ty) => {
                self.require(Action::Search, ty)?;
                vec![(self.narrow(Action::Search, ty), vec![ty])]
            }
            None => self.visible_types()?,
        };
        let wanted: Vec<Wanted> = groups.into_iter().map(|group| self.wanted(group)).collect();
        self.app.db.snapshot(|conn| Ok(meta::examples(conn, &wanted)?))
    }

    fn wanted(&self, (narrow, types): (Narrow, Vec<ResourceType>)) -> Wanted {
        let parameters = &self.app.parameters;
        let numbers = |code: &str| {
            types.iter().filter_map(|ty| parameters.find(*ty, code)).map(|own| own.number).collect::<Vec<_>>()
        };
        let tokens = [numbers("_tag"), numbers("_security")].concat();
        Wanted { narrow, tokens, uris: numbers("_profile") }
    }
}
