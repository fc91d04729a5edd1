//! The certificate authority that signs the certificates of Local Azure's HTTPS addresses.
//!
//! A client that trusts the state folder's `ca.pem`, through `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`,
//! `NODE_EXTRA_CA_CERTS` or `PGSSLROOTCERT`, checks certificates as it does on Azure.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use time::{Duration, OffsetDateTime};

use crate::error::{Error, Result};
use crate::files::write_private;

/// A certificate authority whose files are in a folder.
pub struct Authority {
    folder: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and key, as PEM files.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key, which only the file's owner can read.
    pub key: PathBuf,
}

impl Authority {
    /// Opens the authority in that folder. `ca.pem` and `ca.key` are created if they do not exist.
    pub fn open(folder: &Path) -> Result<Self> {
        let (file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let issuer = match fs::read_to_string(&file) {
            Ok(certificate) => {
                let key = fs::read_to_string(&key_file).map_err(|error| damaged(&key_file, &error))?;
                let key = KeyPair::from_pem(&key).map_err(|error| damaged(&key_file, &error))?;
                Issuer::from_ca_cert_pem(&certificate, key).map_err(|error| damaged(&file, &error))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let key = KeyPair::generate().map_err(unusable)?;
                let mut params = CertificateParams::default();
                params
                    .distinguished_name
                    .push(DnType::CommonName, "Local Azure on this machine");
                params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
                params.not_after = params.not_before + Duration::days(3650);
                params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
                params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
                let own = params.self_signed(&key).map_err(unusable)?;
                // The certificate is written last, so that its key exists whenever it does.
                write_private(&key_file, key.serialize_pem().as_bytes())?;
                write_private(&file, own.pem().as_bytes())?;
                Issuer::new(params, key)
            }
            Err(error) => return Err(Error::file(file)(error)),
        };
        Ok(Self {
            folder: folder.to_owned(),
            issuer,
        })
    }

    /// The PEM file with the certificate that clients have to trust.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// Issues a certificate for these host names and addresses. Writes it to that folder, in files with that name.
    pub fn issue(&self, folder: &Path, name: &str, hosts: &[&str]) -> Result<Certificate> {
        let (certificate, key) = self.sign(hosts)?;
        let files = Certificate {
            certificate: folder.join(name).with_extension("pem"),
            key: folder.join(name).with_extension("key"),
        };
        write_private(&files.certificate, certificate.as_bytes())?;
        write_private(&files.key, key.as_bytes())?;
        Ok(files)
    }

    /// The TLS configuration of a server with these host names and addresses.
    pub fn server(&self, hosts: &[&str]) -> Result<Arc<ServerConfig>> {
        let (certificate, key) = self.sign(hosts)?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(unusable)?],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(unusable)?,
            )
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// The TLS configuration of a client that trusts only this authority.
    pub fn client(&self) -> Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_file(self.file()).map_err(unusable)?;
        roots.add(own).map_err(unusable)?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(config)
    }

    /// Signs a certificate. Returns it and its key in PEM.
    fn sign(&self, hosts: &[&str]) -> Result<(String, String)> {
        let key = KeyPair::generate().map_err(unusable)?;
        let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).map_err(unusable)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "A server of Local Azure");
        params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
        // Apple's clients reject certificates that are valid for longer than 825 days.
        params.not_after = params.not_before + Duration::days(800);
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer).map_err(unusable)?;
        Ok((certificate.pem(), key.serialize_pem()))
    }
}

fn damaged(file: &Path, error: &impl std::fmt::Display) -> Error {
    Error::Refused(format!(
        "{} is missing or damaged ({error}): restore it, or delete both ca.pem and ca.key to get a new authority. Every \
         client then has to trust the new ca.pem",
        file.display()
    ))
}

fn unusable(error: impl std::fmt::Display) -> Error {
    Error::failed("the certificate authority of Local Azure", error)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Python 3.13 and newer enforce RFC 5280 through the same OpenSSL flag.
    #[test]
    fn a_strict_client_accepts_the_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open(folder.path()).unwrap();
        let server = authority
            .issue(folder.path(), "server", &["localhost", "127.0.0.1"])
            .unwrap();
        for (option, host) in [("-verify_hostname", "localhost"), ("-verify_ip", "127.0.0.1")] {
            let output = Command::new("openssl")
                .args([
                    "verify",
                    "-x509_strict",
                    "-purpose",
                    "sslserver",
                    option,
                    host,
                    "-CAfile",
                ])
                .arg(authority.file())
                .arg(&server.certificate)
                .output()
                .expect("openssl is installed");
            assert!(output.status.success(), "{output:?}");
        }
    }
}
