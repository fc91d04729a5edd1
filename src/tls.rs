//! The cryptography for all TLS connections of this process: to PostgreSQL, Blob Storage and the identity endpoint.

/// Makes ring the default provider of the process. Later calls change nothing.
///
/// sqlx depends on ring, the only provider with which it reads the platform's certificates. By default, reqwest would
/// add a second one, AWS-LC, which makes the binary 2 MB larger and its build a minute longer.
pub fn choose_provider() {
    // An error means that a default is set already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
