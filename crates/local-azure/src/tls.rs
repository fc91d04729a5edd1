//! The cryptography behind every TLS connection of this process.

/// Makes ring the provider of every TLS connection that does not name one, unless the program has chosen another.
///
/// [`crate::Azure::open`] does it. A test that builds an HTTP client before that calls it itself.
pub fn choose_provider() {
    // An error means that a provider was chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
