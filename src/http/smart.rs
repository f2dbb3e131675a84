//! What an app must know to get a token for this server.
//! <https://hl7.org/fhir/smart-app-launch/conformance.html>
//!
//! Tokens come from the configured issuer. Only what is known of it stands here: its own metadata says where it
//! authorizes.

use actix_web::HttpResponse;
use actix_web::web;
use serde_json::Value;
use serde_json::json;

use crate::config::Auth;
use crate::config::Config;
use crate::http::Served;

/// `GET /.well-known/smart-configuration`
pub async fn configuration(served: web::Data<Served>) -> HttpResponse {
    HttpResponse::Ok().json(document(&served.app.config))
}

fn document(config: &Config) -> Value {
    let mut document = json!({
        "capabilities": [
            "context-standalone-patient", "context-ehr-patient", "permission-patient", "permission-user",
            "permission-v1", "permission-v2"
        ],
        "scopes_supported": [
            "openid", "fhirUser", "launch", "launch/patient", "patient/*.rs", "patient/*.cruds", "user/*.rs",
            "user/*.cruds", "system/*.rs", "system/*.cruds"
        ],
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"]
    });
    if config.auth == Auth::Off {
        return document;
    }
    if let Some(issuer) = &config.issuer {
        document["issuer"] = issuer.as_str().into();
    }
    if let Some(keys) = config.jwks.as_ref().filter(|keys| keys.starts_with("https://")) {
        document["jwks_uri"] = keys.as_str().into();
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_of_the_issuer_is_told() {
        let config = Config {
            issuer: Some("https://i.example".into()),
            jwks: Some("/etc/keys.json".into()),
            ..Config::default()
        };
        let told = document(&config);
        assert_eq!(told["issuer"], "https://i.example");
        assert_eq!(told.get("jwks_uri"), None);
        let by_url = document(&Config { jwks: Some("https://i.example/jwks".into()), ..config });
        assert_eq!(by_url["jwks_uri"], "https://i.example/jwks");
    }
}
