//! The cryptography provider of this process's TLS connections.

/// Makes ring the provider of every TLS connection that does not name one, unless the program has chosen another.
///
/// [`crate::Azure::open`] calls this function. A test that builds an HTTP client before that must call it too.
pub fn choose_provider() {
    // An error means that a provider has already been chosen.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
