//! Progress messages.

/// Prints what is being done.
pub fn report(step: &str) {
    println!("  … {step}");
}
