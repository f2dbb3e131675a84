//! What the values of settings may be.

use jiff::tz::TimeZone;

/// The URL of a database of a kind that is known.
pub(super) fn database_url(text: &str) -> Result<String, String> {
    let known = text.strip_prefix("sqlite:").is_some_and(|path| !path.trim_start_matches('/').is_empty())
        || text.starts_with("postgres://")
        || text.starts_with("postgresql://");
    if known { Ok(text.into()) } else { Err("use sqlite:PATH, sqlite::memory: or postgres://…".into()) }
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
