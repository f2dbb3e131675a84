//! A request's body: bounded in size and time, its compression undone. <https://www.rfc-editor.org/rfc/rfc9110#section-8.4>

use std::future::poll_fn;
use std::io::Read;
use std::pin::pin;
use std::time::Duration;
use std::time::Instant;

use actix_web::HttpRequest;
use actix_web::body::BodyStream;
use actix_web::body::MessageBody;
use actix_web::http::header::CONTENT_ENCODING;
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::rt::time::timeout;
use actix_web::web;
use actix_web::web::BytesMut;
use brotli::Decompressor;
use flate2::read::MultiGzDecoder;

use crate::fhir::Failure;
use crate::fhir::Reason;

/// How fast a body must arrive.
const PACE: Pace = Pace { grace: Duration::from_secs(10), rate: 32 * 1024, within: Duration::from_secs(60) };
/// Larger compressed bodies are inflated beside the HTTP worker.
const INFLATED_HERE: usize = 16 * 1024;
/// How much compressed brotli is read at a time.
const BROTLI_BUFFER: usize = 4 * 1024;

/// How long a body may take: a place is kept for it meanwhile, so that senders who trickle must not fill them all.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// What every body has, however small.
    grace: Duration,
    /// How many bytes of it make that a second longer.
    rate: u32,
    /// What no body may take longer than.
    within: Duration,
}

impl Pace {
    /// How long a body may have taken of which so much is there.
    fn allows(self, bytes: usize) -> Duration {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        (self.grace + Duration::from_secs_f64(f64::from(bytes) / f64::from(self.rate))).min(self.within)
    }
}

/// How a body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Plain,
    Gzip,
    Brotli,
}

/// The whole body, not larger than `limit` bytes, neither as sent nor inflated; one that says it is larger is not read.
///
/// # Errors
/// `TooLarge`; `MediaType` for an encoding that is not read here; `Invalid` where it breaks off.
pub async fn read(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Vec<u8>, Failure> {
    let encoding = encoding(request)?;
    let length = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    let bytes = arrived(BodyStream::new(payload), limit, PACE).await?;
    match encoding {
        Encoding::Plain => Ok(bytes.into()),
        Encoding::Gzip | Encoding::Brotli if bytes.len() <= INFLATED_HERE => {
            inflated(encoding, &bytes, limit)
        }
        Encoding::Gzip | Encoding::Brotli => {
            let inflating = web::block(move || inflated(encoding, &bytes, limit)).await;
            inflating.unwrap_or_else(|error| Err(Failure::internal(error)))
        }
    }
}

async fn arrived(body: impl MessageBody, limit: usize, pace: Pace) -> Result<web::Bytes, Failure> {
    let (began, mut bytes, mut body) = (Instant::now(), BytesMut::new(), pin!(body));
    loop {
        let left = pace.allows(bytes.len()).saturating_sub(began.elapsed());
        match timeout(left, poll_fn(|context| body.as_mut().poll_next(context))).await {
            Ok(Some(Ok(more))) if more.len() > limit - bytes.len() => return Err(too_large(limit)),
            Ok(Some(Ok(more))) => bytes.extend_from_slice(&more),
            Ok(Some(Err(_))) => return Err(broken("The body broke off before its end: send it again.")),
            Ok(None) => return Ok(bytes.freeze()),
            Err(_) => {
                let text = "The body did not arrive in time: send it again, faster or in parts.";
                return Err(broken(text).code("timeout"));
            }
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
        Some(name) if name.eq_ignore_ascii_case("br") => Ok(Encoding::Brotli),
        Some(_) => {
            let text = "This Content-Encoding is not read here: send the body plain, with gzip or with br.";
            Err(Failure::new(Reason::MediaType, text))
        }
    }
}

fn inflated(encoding: Encoding, bytes: &[u8], limit: usize) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::with_capacity(bytes.len().saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let read = match encoding {
        Encoding::Plain => bytes.take(most).read_to_end(&mut out),
        Encoding::Gzip => MultiGzDecoder::new(bytes).take(most).read_to_end(&mut out),
        Encoding::Brotli => Decompressor::new(bytes, BROTLI_BUFFER).take(most).read_to_end(&mut out),
    };
    match read {
        Ok(_) if out.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(out),
        Err(_) => {
            Err(broken("The body is not whole in the form that its Content-Encoding says: send it again."))
        }
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
    use std::pin::Pin;
    use std::task::Context;
    use std::task::Poll;

    use actix_web::body::BodySize;
    use actix_web::test::TestRequest;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn brotli(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        brotli::CompressorWriter::new(&mut out, 4096, 9, 22).write_all(bytes).unwrap();
        out
    }

    type Pack = fn(&[u8]) -> Vec<u8>;

    const PACKED: [(Encoding, Pack); 2] = [(Encoding::Gzip, gzip), (Encoding::Brotli, brotli)];

    #[test]
    fn a_small_body_that_inflates_beyond_the_limit_is_too_large() {
        for (encoding, pack) in PACKED {
            let bomb = pack(&vec![b' '; 1_000_000]);
            assert!(bomb.len() < 2000);
            assert_eq!(inflated(encoding, &bomb, 999_999).unwrap_err().status(), 413);
            assert_eq!(inflated(encoding, &bomb, 1_000_000).unwrap().len(), 1_000_000);
        }
    }

    #[test]
    fn what_is_not_whole_is_refused() {
        for (encoding, pack) in PACKED {
            let whole = pack(b"{\"resourceType\":\"Patient\"}");
            for broken in [&b"{}"[..], &whole[..whole.len() - 4], b""] {
                assert_eq!(
                    inflated(encoding, broken, 1000).unwrap_err().status(),
                    400,
                    "{encoding:?} {broken:?}"
                );
            }
        }
    }

    /// A body that gives this many bytes, and then neither more nor an end.
    struct Endless(usize);

    impl MessageBody for Endless {
        type Error = std::io::Error;

        fn size(&self) -> BodySize {
            BodySize::Stream
        }

        fn poll_next(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<web::Bytes, Self::Error>>> {
            match self.0 {
                0 => Poll::Pending,
                left => {
                    self.0 = left.saturating_sub(1000);
                    Poll::Ready(Some(Ok(web::Bytes::from(vec![b'{'; left.min(1000)]))))
                }
            }
        }
    }

    #[actix_web::test]
    async fn a_body_without_an_end_is_waited_for_no_longer_than_allowed() {
        let begun = Instant::now();
        let pace =
            Pace { grace: Duration::from_millis(50), rate: 1_000_000, within: Duration::from_millis(80) };
        let failure = arrived(Endless(10), 10_000, pace).await.unwrap_err();
        assert_eq!((failure.status(), failure.issues[0].code), (400, "timeout"));
        let failure = arrived(Endless(1_000_000), 10_000, PACE).await.unwrap_err();
        assert_eq!(failure.status(), 413, "as soon as it is too large");
        assert!(begun.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn a_body_may_take_longer_the_more_of_it_is_there() {
        let seconds = |bytes| PACE.allows(bytes).as_secs_f64();
        assert!((seconds(0) - 10.0).abs() < 0.001, "who sends nothing keeps no place");
        assert!((seconds(64 * 1024) - 12.0).abs() < 0.001);
        assert!((seconds(usize::MAX) - 60.0).abs() < 0.001);
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
        assert_eq!(of("br"), Ok(Encoding::Brotli));
        assert_eq!(of("zstd"), Err(415));
        assert_eq!(of("gzip, gzip"), Err(415));
        assert_eq!(encoding(&TestRequest::default().to_http_request()), Ok(Encoding::Plain));
    }
}
