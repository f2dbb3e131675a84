//! What the values of settings may be.

use jiff::tz::TimeZone;

/// The URL of a database of a kind that is known.
pub(super) fn database_url(text: &str) -> Result<String, String> {
    let known = text.strip_prefix("sqlite:").is_some_and(|path| !path.trim_start_matches('/').is_empty())
        || text.starts_with("postgres://")
        || text.starts_with("postgresql://");
    if !known {
        return Err("use sqlite:PATH, sqlite::memory: or postgres://…".into());
    }
    match demanded_tls(text) {
        Some(mode) if !cfg!(feature = "postgres-tls") => Err(format!(
            "sslmode={mode} asks for TLS, without which this binary was built: build it with `--features \
             postgres-tls`, or leave sslmode out where nobody else is on the way to the database"
        )),
        Some(_) | None => Ok(text.into()),
    }
}

/// The `sslmode` of a PostgreSQL URL that is not to be served without TLS.
fn demanded_tls(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?').filter(|_| url.starts_with("postgres"))?;
    let mode = query.split('&').find_map(|pair| pair.strip_prefix("sslmode="))?;
    ["require", "verify-ca", "verify-full"].into_iter().find(|known| *known == mode)
}

/// A URL without a query, and without a slash at its end.
pub(super) fn web_url(text: &str) -> Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\@".contains(&byte));
    if host.is_empty() || host.starts_with('/') || !plain {
        return Err("use http(s)://host[:port]/path, without a query".into());
    }
    Ok(url.into())
}

/// An origin as browsers send it, or `*` for any.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let text = text.trim();
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte));
    if text == "*" || (!host.is_empty() && plain) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("use origins such as https://app.example or http://localhost:3000, separated by commas, or *".into())
}

/// A text that is not empty.
pub(super) fn filled(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty: give a value or unset it".into()) } else { Ok(text.into()) }
}

/// A filter of env_logger.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let level = |part: &str| part.rsplit('=').next().unwrap_or_default().trim().parse::<log::LevelFilter>();
    if text.split(',').all(|part| level(part).is_ok()) {
        return Ok(text.into());
    }
    Err("use off, error, warn, info, debug or trace, or target=level, separated by commas".into())
}

/// A truth.
pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err("use 1 or 0".into()),
    }
}

/// An IANA time zone.
pub(super) fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text).map_err(|_| "use an IANA time zone such as UTC or America/Phoenix".into())
}

/// A number of bytes, with or without a unit.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let advice = "use a number of bytes from 1KB to 1GB, such as 500000, 16MB or 1GB";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1024,
        "M" | "MB" => 1024 * 1024,
        "G" | "GB" => 1024 * 1024 * 1024,
        _ => return Err(advice.into()),
    };
    let bytes = number.parse::<usize>().ok().and_then(|number| number.checked_mul(factor));
    bytes.filter(|bytes| (1024..=1024 * 1024 * 1024).contains(bytes)).ok_or_else(|| advice.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_demands_tls_is_refused_where_there_is_none() {
        for (url, demanded) in [
            ("postgres://h/d?sslmode=require", Some("require")),
            ("postgresql://h/d?connect_timeout=2&sslmode=verify-full", Some("verify-full")),
            ("postgres://h/d?sslmode=prefer", None),
            ("postgres://h/d", None),
            ("sqlite:what?sslmode=require", None),
        ] {
            assert_eq!(demanded_tls(url), demanded, "{url}");
            let is_refused = demanded.is_some() && !cfg!(feature = "postgres-tls");
            assert_eq!(database_url(url).is_err(), is_refused, "{url}");
        }
    }
}
