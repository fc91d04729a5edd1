//! Progress messages.

/// Prints a step that is starting.
pub fn report(step: &str) {
    println!("  … {step}");
}
