//! HTTPS by rustls, from PEM files. <https://docs.rs/rustls>

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;

use crate::config::Config;

/// The TLS side of the server, where certificate and key are configured.
///
/// # Errors
/// One line that says what to do.
pub fn config(config: &Config) -> io::Result<Option<ServerConfig>> {
    let (Some(cert), Some(key)) = (&config.tls_cert, &config.tls_key) else {
        return Ok(None);
    };
    let chain: Vec<_> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|error| unusable("COMFREY_TLS_CERT", cert, &error))?;
    if chain.is_empty() {
        return Err(unusable("COMFREY_TLS_CERT", cert, &"it holds no certificate"));
    }
    let private =
        PrivateKeyDer::from_pem_file(key).map_err(|error| unusable("COMFREY_TLS_KEY", key, &error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map(Some)
        .map_err(|error| unusable("COMFREY_TLS_CERT", cert, &error))
}

fn unusable(setting: &str, file: &Path, error: &dyn std::fmt::Display) -> io::Error {
    let text = format!("{setting}: {} is not a usable PEM file: {error}", file.display());
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_pem_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x.pem");
        std::fs::write(&file, "not PEM").unwrap();
        let with = |cert: &Path| Config {
            tls_cert: Some(cert.into()),
            tls_key: Some(file.clone()),
            ..Config::default()
        };
        assert!(matches!(super::config(&Config::default()), Ok(None)));
        for cert in [file.as_path(), Path::new("/no/such/file")] {
            let refused = super::config(&with(cert)).err().unwrap().to_string();
            assert!(
                refused.contains("COMFREY_TLS_CERT") && refused.contains(&cert.display().to_string()),
                "{refused}"
            );
        }
    }
}
