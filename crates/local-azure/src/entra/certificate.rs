//! Client assertions that are signed with a certificate of the application.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Header};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::assertion::Assertion;
use super::error::OAuthError;
use crate::state::Application;

/// Checks that the assertion is signed with one of the application's certificates, for one of these audiences.
pub fn check(assertion: &Assertion<'_>, application: &Application, audiences: &[String]) -> Result<(), OAuthError> {
    let claims = &assertion.claims;
    if !is_client(&claims.iss, application) || !is_client(&claims.sub, application) {
        return Err(OAuthError::client(
            700_021,
            "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        ));
    }
    if !claims.audiences().iter().any(|audience| audiences.contains(audience)) {
        return Err(OAuthError::client(
            700_023,
            "Client assertion audience claim does not match Realm issuer. Review the documentation at \
             https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        ));
    }
    assertion.check_time()?;
    let Header { alg, .. } = assertion.header;
    if ![Algorithm::RS256, Algorithm::PS256].contains(&alg) {
        let text = "Invalid JWT token. Unsupported signature algorithm: RS256 and PS256 are supported.";
        return Err(OAuthError::request("invalid_request", 50027, text));
    }
    let thumbprint = Thumbprint::of(&assertion.header).ok_or_else(|| {
        let text = "Invalid JWT token. No certificate thumbprint specified in token header.";
        OAuthError::request("invalid_request", 50027, text)
    })?;
    let not_signed = |reason: &str| {
        OAuthError::client(
            700_027,
            format!(
                "Client assertion failed signature validation. [Reason - {reason}, Thumbprint of key used by client: \
                 '{}'.]",
                thumbprint.hexadecimal()
            ),
        )
    };
    let certificates = application.certificates.iter();
    let certificate = certificates
        .filter_map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok())
        .find(|certificate| thumbprint.matches(certificate))
        .ok_or_else(|| not_signed("The key was not found."))?;
    let (_, certificate) =
        X509Certificate::from_der(&certificate).map_err(|_| not_signed("The certificate cannot be read."))?;
    if !certificate.validity().is_valid() {
        return Err(not_signed("The key used is expired."));
    }
    let key = DecodingKey::from_rsa_der(&certificate.public_key().subject_public_key.data);
    if assertion.is_signed_by(&key, alg) {
        Ok(())
    } else {
        Err(not_signed(
            "The provided signature value did not match the expected signature value.",
        ))
    }
}

/// Whether the text is the application's client id.
fn is_client(text: &str, application: &Application) -> bool {
    uuid::Uuid::try_parse(text) == Ok(application.client_id)
}

/// The thumbprint that identifies a certificate in the header.
enum Thumbprint {
    Sha1(Vec<u8>),
    Sha256(Vec<u8>),
}

impl Thumbprint {
    fn of(header: &Header) -> Option<Self> {
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?.trim_end_matches('=')).ok();
        let sha256 = bytes(&header.x5t_s256).map(Self::Sha256);
        sha256.or_else(|| bytes(&header.x5t).map(Self::Sha1))
    }

    fn matches(&self, certificate: &[u8]) -> bool {
        match self {
            Self::Sha1(bytes) => Sha1::digest(certificate).as_slice() == bytes,
            Self::Sha256(bytes) => Sha256::digest(certificate).as_slice() == bytes,
        }
    }

    fn hexadecimal(&self) -> String {
        let (Self::Sha1(bytes) | Self::Sha256(bytes)) = self;
        hex::encode_upper(bytes)
    }
}
