//! A request's body: bounded in size and time, gzip undone. <https://www.rfc-editor.org/rfc/rfc9110#section-8.4>

use std::io::Read;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::rt::time::timeout;
use actix_web::web;
use flate2::read::MultiGzDecoder;

use crate::fhir::Failure;
use crate::fhir::Reason;

/// A body must have arrived by then.
const BODY_WITHIN: Duration = Duration::from_secs(60);
/// Larger compressed bodies are inflated beside the HTTP worker.
const INFLATED_HERE: usize = 16 * 1024;

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
}

/// The whole body, not larger than `limit` bytes, neither as sent nor inflated.
///
/// # Errors
/// `TooLarge`; `MediaType` for an encoding that is not read here; `Invalid` where it breaks off.
pub async fn read(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Vec<u8>, Failure> {
    let encoding = encoding(request)?;
    let arriving = payload.to_bytes_limited(limit);
    let bytes = match timeout(BODY_WITHIN, arriving).await {
        Ok(Ok(Ok(bytes))) => bytes,
        Ok(Ok(Err(_))) => return Err(broken("The body broke off before its end: send it again.")),
        Ok(Err(_)) => return Err(too_large(limit)),
        Err(_) => {
            return Err(broken("The body did not arrive within a minute: send it again.").code("timeout"));
        }
    };
    match encoding {
        Encoding::Plain => Ok(bytes.into()),
        Encoding::Gzip if bytes.len() <= INFLATED_HERE => inflated(&bytes, limit),
        Encoding::Gzip => {
            let inflating = web::block(move || inflated(&bytes, limit)).await;
            inflating.unwrap_or_else(|error| Err(Failure::internal(error)))
        }
    }
}

fn encoding(request: &HttpRequest) -> Result<Encoding, Failure> {
    let named =
        request.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap_or_default().trim());
    match named {
        None | Some("") => Ok(Encoding::Plain),
        Some(name) if name.eq_ignore_ascii_case("identity") => Ok(Encoding::Plain),
        Some(name) if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => {
            Ok(Encoding::Gzip)
        }
        Some(_) => {
            let text = "This Content-Encoding is not read here: send the body plain or with gzip.";
            Err(Failure::new(Reason::MediaType, text))
        }
    }
}

fn inflated(bytes: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(bytes).take(most).read_to_end(&mut out);
    match read {
        Ok(_) if out.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(out),
        Err(_) => Err(broken("The body is not whole gzip, as its Content-Encoding says: send it again.")),
    }
}

fn too_large(limit: usize) -> Failure {
    let text = format!("The body is larger than {limit} bytes: send less at a time.");
    Failure::new(Reason::TooLarge, text)
}

fn broken(text: &str) -> Failure {
    Failure::new(Reason::Invalid, text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use actix_web::test::TestRequest;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_small_body_that_inflates_beyond_the_limit_is_too_large() {
        let bomb = gzip(&vec![b' '; 1_000_000]);
        assert!(bomb.len() < 2000);
        assert_eq!(inflated(&bomb, 999_999).unwrap_err().status(), 413);
        assert_eq!(inflated(&bomb, 1_000_000).unwrap().len(), 1_000_000);
    }

    #[test]
    fn what_is_not_whole_gzip_is_refused() {
        let whole = gzip(b"{\"resourceType\":\"Patient\"}");
        for broken in [&b"{}"[..], &whole[..whole.len() - 4], b""] {
            assert_eq!(inflated(broken, 1000).unwrap_err().status(), 400);
        }
    }

    #[test]
    fn only_known_encodings_are_read() {
        let of = |name: &str| {
            encoding(&TestRequest::default().insert_header(("content-encoding", name)).to_http_request())
                .map_err(|failure| failure.status())
        };
        assert_eq!(of("gzip"), Ok(Encoding::Gzip));
        assert_eq!(of("GZIP"), Ok(Encoding::Gzip));
        assert_eq!(of("identity"), Ok(Encoding::Plain));
        assert_eq!(of("br"), Err(415));
        assert_eq!(of("gzip, gzip"), Err(415));
        assert_eq!(encoding(&TestRequest::default().to_http_request()), Ok(Encoding::Plain));
    }
}
