//! As little HTTP/1.1 as a load needs: one connection, kept open, no compression.

use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Write;
use std::net::TcpStream;

/// Where to send.
pub struct Target {
    host: String,
    base: String,
    token: String,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub body: Vec<u8>,
}

/// One connection.
pub struct Connection<'a> {
    target: &'a Target,
    stream: BufReader<TcpStream>,
}

impl Target {
    /// The path of a link, as [`Connection::send`] takes it.
    pub fn path<'a>(&self, link: &'a str) -> &'a str {
        let path = link
            .split_once("://")
            .map_or(link, |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        let base = self.base.trim_start_matches('/');
        path.trim_start_matches('/').strip_prefix(base).unwrap_or(path)
    }

    /// Reads `http://host:port/fhir`.
    pub fn parse(url: &str, token: &str) -> Result<Self, String> {
        let rest = url.strip_prefix("http://").ok_or("give the base URL as http://host:port/fhir")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let base = format!("/{}", path.trim_end_matches('/'));
        let token =
            if token.is_empty() { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        Ok(Self { host, base: base.trim_end_matches('/').to_owned(), token })
    }
}

impl<'a> Connection<'a> {
    /// Connects.
    pub fn open(target: &'a Target) -> io::Result<Self> {
        let stream = TcpStream::connect(&target.host)?;
        stream.set_nodelay(true)?;
        Ok(Self { target, stream: BufReader::with_capacity(64 * 1024, stream) })
    }

    /// Sends a request and reads the whole answer.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        let Target { host, base, token } = self.target;
        let length = body.len();
        // A base without a path still needs one in the request's first line.
        let root = if base.is_empty() && !path.starts_with('/') { "/" } else { "" };
        let mut request = format!(
            "{method} {base}{root}{path} HTTP/1.1\r\nHost: {host}\r\n{token}Accept: application/fhir+json\r\n\
             Content-Type: application/fhir+json\r\nPrefer: return=minimal\r\nContent-Length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.read()
    }

    fn read(&mut self) -> io::Result<Reply> {
        let broken = || io::Error::other("the answer is not HTTP");
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status: u16 = line.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(broken)?;
        let (mut length, mut chunked) = (0, false);
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else {
                break;
            };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().map_err(|_| broken())?;
            }
            chunked |= name.eq_ignore_ascii_case("transfer-encoding")
                && value.to_ascii_lowercase().ends_with("chunked");
        }
        let mut body = Vec::new();
        while chunked {
            line.clear();
            self.stream.read_line(&mut line)?;
            length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
            chunked = length > 0;
            self.read_exactly(length + 2, &mut body)?;
            body.truncate(body.len() - 2);
            length = 0;
        }
        self.read_exactly(length, &mut body)?;
        Ok(Reply { status, body })
    }

    fn read_exactly(&mut self, length: usize, body: &mut Vec<u8>) -> io::Result<()> {
        let before = body.len();
        body.resize(before + length, 0);
        self.stream.read_exact(&mut body[before..])
    }
}
