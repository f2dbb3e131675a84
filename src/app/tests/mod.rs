//! Writing and reading through a session, on each database.

mod access;
mod conditions;
mod findings;
mod findings_alone;
mod findings_changes;
mod findings_links;
mod findings_places;
mod findings_random;
mod gathered;
mod index_rows;
mod pages;
mod parameters;
mod races;
mod reads;
mod together;
mod versions;
mod voided;

use serde_json::Value;
use serde_json::json;
use std::sync::Arc;

use super::*;
use crate::config::Auth;
use crate::fhir::Reason;
use crate::fhir::Resource;
use crate::fhir::ResourceType;
use crate::store::fresh::on_each;

const START: i64 = 1_772_366_400_000_000;

fn open(url: &str) -> Arc<App> {
    let config = Config { database_url: url.into(), auth: Auth::Off, pool: Some(16), ..Config::default() };
    App::open(config, Clock::set_to(START)).expect("the service opens its database")
}

fn on_each_app(test: impl Fn(Session)) {
    on_each(|url| test(Session::system(open(url))));
}

fn ty(name: &str) -> ResourceType {
    ResourceType::parse(name).unwrap()
}

fn resource(value: Value) -> Resource {
    Resource::from_value(value).unwrap()
}

fn patient(family: &str) -> Resource {
    resource(json!({ "resourceType": "Patient", "name": [{ "family": family }] }))
}

fn create(session: &Session, resource: Resource) -> Result<Stored, Failure> {
    let mut written = session.write(vec![Change::client(ChangeAction::create(resource))])?;
    Ok(written.remove(0).stored)
}

fn update(
    session: &Session,
    resource: Resource,
    id: &str,
    if_match: Option<i64>,
) -> Result<Written, Failure> {
    let action = ChangeAction::update(resource, id, if_match);
    Ok(session.write(vec![Change::client(action)])?.remove(0))
}

fn delete(session: &Session, ty: ResourceType, id: &str, if_match: Option<i64>) -> Result<Written, Failure> {
    let action =
        ChangeAction::Delete { ty, target: Target::Id(id.into()), demand: Demand::version(if_match) };
    Ok(session.write(vec![Change::client(action)])?.remove(0))
}

fn identified(value: &str) -> Resource {
    resource(json!({ "resourceType": "Patient", "identifier": [{ "system": "urn:x", "value": value }] }))
}
