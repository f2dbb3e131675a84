//! How a caller shows who they are: a bearer token whose SMART scopes say what they may do.
//! <https://hl7.org/fhir/smart-app-launch/scopes-and-launch-context.html>

use std::collections::BTreeMap;

use utoipa::openapi::RefOr;
use utoipa::openapi::security::ClientCredentials;
use utoipa::openapi::security::Flow;
use utoipa::openapi::security::Http;
use utoipa::openapi::security::HttpAuthScheme;
use utoipa::openapi::security::OAuth2;
use utoipa::openapi::security::Scopes;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::security::SecurityScheme;

const BEARER: &str = "bearer";
const SMART: &str = "smart";

const SCOPES: [(&str, &str); 6] = [
    ("patient/*.rs", "Read and search what belongs to the patient of the launch context"),
    ("patient/*.cruds", "The same, and write it"),
    ("user/*.rs", "Read and search everything that this server holds"),
    ("user/*.cruds", "The same, and write it"),
    ("system/*.rs", "A program without a user: read and search"),
    ("system/*.cruds", "The same, and write"),
];

/// The two ways in which the document says it: a plain bearer token, and SMART's OAuth 2.
pub fn schemes() -> BTreeMap<String, RefOr<SecurityScheme>> {
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("An access token of the issuer that this server trusts; `comfrey token` makes one where it runs with `COMFREY_AUTH=dev`. With `COMFREY_AUTH=off` none is needed."))
        .build();
    let scopes = SCOPES.into_iter().collect::<Scopes>();
    let flow = Flow::ClientCredentials(ClientCredentials::new("https://issuer.example/token", scopes));
    let words = "SMART scopes, v2 and v1 (`.read`, `.write`), for one type or `*`. The token comes from the issuer that this server is set to trust; the address here stands for it.";
    let smart = OAuth2::with_description([flow], words);
    [
        (BEARER.to_owned(), SecurityScheme::Http(bearer).into()),
        (SMART.to_owned(), SecurityScheme::OAuth2(smart).into()),
    ]
    .into()
}

/// What an operation needs: a token, which has one of these scopes.
pub fn needed(scopes: &[String]) -> [SecurityRequirement; 2] {
    [any(), SecurityRequirement::new(SMART, scopes)]
}

/// A token at least.
pub fn any() -> SecurityRequirement {
    SecurityRequirement::new(BEARER, [] as [&str; 0])
}
