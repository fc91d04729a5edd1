//! Embeds `static/` (style sheet, script, icons) into the binary.

use std::path::Path;
use std::{env, fs};

fn main() {
    memory_serve::load_directory("./static");
    // A debug build reads the files from their paths at each request. A release build contains the files, so their
    // paths are removed: a commit then gives the same binary wherever it is built.
    if env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let variable = |name| env::var(name).expect("cargo sets it");
        let list = Path::new(&variable("OUT_DIR")).join("memory_serve_assets.rs");
        let here = format!("path: r\"{}/", variable("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&list).expect("memory-serve wrote it");
        fs::write(&list, text.replace(&here, "path: r\"")).expect("it can be written");
    }
}
