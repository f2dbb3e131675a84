//! Subscriptions that ask to be notified: nothing here notifies anybody, so that none is taken as if it worked.
//! <https://hl7.org/fhir/R4/subscription.html>
//!
//! R4 has the server look at a Subscription before it is active, and refuse the client what it does not do. One that
//! is off, or in error where it comes from, is a record like any other and is kept.

use serde_json::Value;

use crate::fhir::Issue;

/// What is wrong with a Subscription that asks for notifications, or says that they are sent.
pub(super) fn issues(resource: &Value) -> Option<Issue> {
    let text = |name: &str| resource.get(name).and_then(Value::as_str);
    if text("resourceType") != Some("Subscription") || !matches!(text("status"), Some("requested" | "active"))
    {
        return None;
    }
    let text = "This server sends no notifications, so that the Subscription would never be heard of again; ask for \
                what has changed by a history with `_since`, or store it with the status off.";
    Some(Issue::error("not-supported", text).at("Subscription.status"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_one_that_waits_for_notifications_is_wrong() {
        for (ty, status, wrong) in [
            ("Subscription", json!("requested"), true),
            ("Subscription", json!("active"), true),
            ("Subscription", json!("off"), false),
            ("Subscription", json!("error"), false),
            ("Subscription", json!(1), false),
            ("Patient", json!("active"), false),
        ] {
            let resource = json!({ "resourceType": ty, "status": status });
            assert_eq!(issues(&resource).is_some(), wrong, "{resource}");
        }
    }
}
