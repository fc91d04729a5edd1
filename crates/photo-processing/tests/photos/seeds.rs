//! What the fuzzer starts from: small files of every kind that the tests write.

use std::path::Path;

/// The largest seed, in bytes.
const LARGEST: usize = 6000;

/// `FUZZ_SEEDS=FOLDER cargo test --package photo-processing --test photos seeds -- --ignored`
#[test]
#[ignore = "it writes files; docs/photos.md says when to run it"]
fn write_seeds() {
    let folder = std::env::var_os("FUZZ_SEEDS").expect("FUZZ_SEEDS names a folder");
    let pillow = crate::pillow::samples().into_iter().map(|(_, file)| file);
    let jpeg = crate::jpeg::matrix().into_iter().map(|case| case.jpeg.file());
    let png = crate::png::differential::files().into_iter().map(|(.., file)| file);
    let files = pillow.chain(jpeg).chain(png);
    for (number, file) in files.filter(|file| file.len() <= LARGEST).enumerate() {
        std::fs::write(Path::new(&folder).join(format!("{number:04}")), file).unwrap();
    }
}
