//! Random changes of where general practitioners work.

use jiff::civil::Date;
use serde_json::Value;
use serde_json::json;

use super::findings_changes::Draw;
use crate::palliative::vocabulary::RECOGNITION_EXTENSION;

/// One of the places where general practitioners work, a medical home or not.
pub fn a_place(draw: &mut Draw, today: Date) -> Value {
    let mut place = json!({ "resourceType": "Organization", "id": format!("o{}", draw.below(3)), "name": "Clinic",
        "active": draw.below(6) > 0 });
    if draw.below(4) > 0 {
        let status = draw.of(&["achieved", "in-process", "expired"]);
        let period = json!({ "start": draw.day(today, (40, 10)).to_string(), "end": draw.day(today, (5, 40)).to_string() });
        place["extension"] = json!([{ "url": RECOGNITION_EXTENSION, "extension": [
            { "url": "status", "valueCode": status }, { "url": "period", "valuePeriod": period }] }]);
    }
    place
}

/// One of the roles in which two general practitioners work there.
pub fn a_role(draw: &mut Draw, today: Date) -> Value {
    let mut role = json!({ "resourceType": "PractitionerRole", "id": format!("p{}", draw.below(3)),
        "active": draw.below(6) > 0,
        "practitioner": { "reference": format!("Practitioner/{}", draw.of(&["a", "b"])) },
        "organization": { "reference": format!("Organization/o{}", draw.below(3)) } });
    if draw.below(3) == 0 {
        role["period"] = json!({ "end": draw.day(today, (5, 40)).to_string() });
    }
    role
}
