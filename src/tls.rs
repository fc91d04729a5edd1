//! The cryptography under all TLS of this process: PostgreSQL's, Blob Storage's, the identity endpoint's.

/// Makes ring the process's provider, once; whoever asks for TLS without naming a provider gets it.
///
/// sqlx brings ring along (it reads the platform's certificates with no other). reqwest would bring a second one,
/// AWS-LC, which makes the binary 2 MB larger and its build a minute longer.
pub fn choose_provider() {
    // An error says that one is chosen already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
