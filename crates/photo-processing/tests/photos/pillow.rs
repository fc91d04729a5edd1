//! Pictures as Pillow decodes them: the reference for our decoders and for colours.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

/// In which form a picture is wanted.
#[derive(Debug, Clone, Copy)]
pub enum How {
    /// The samples in the mode of the file: `L`, `RGB`, `RGBA`, `CMYK` with 255 = full ink.
    Stored,
    /// In RGB, ignoring profile and orientation.
    Rgb,
    /// As a browser shows it: upright, converted to sRGB by the embedded profile, on white.
    Shown,
}

/// A decoded picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub mode: String,
    pub width: u32,
    pub height: u32,
    pub samples: Vec<u8>,
}

/// Decodes all these files in one process. `Err` holds the reason why Pillow refuses a file.
pub fn decode<'a>(how: How, files: impl IntoIterator<Item = &'a [u8]>) -> Vec<Result<Picture, String>> {
    let folder = tempfile::tempdir().unwrap();
    let mut count = 0;
    for file in files {
        fs::write(folder.path().join(count.to_string()), file).unwrap();
        count += 1;
    }
    let how = match how {
        How::Stored => "stored",
        How::Rgb => "rgb",
        How::Shown => "shown",
    };
    run("reference.py", &[how.as_ref(), folder.path().as_os_str()]);
    (0..count)
        .map(|number| answer(&fs::read(folder.path().join(format!("{number}.decoded"))).unwrap()))
        .collect()
}

/// The pictures that `samples.py` writes, by name.
pub fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    run("samples.py", &[folder.path().as_os_str()]);
    let entries = fs::read_dir(folder.path()).unwrap().map(Result::unwrap);
    entries
        .map(|entry| {
            (
                entry.file_name().into_string().unwrap(),
                fs::read(entry.path()).unwrap(),
            )
        })
        .collect()
}

fn run(script: &str, arguments: &[&OsStr]) {
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pillow");
    let python = scripts.join(".venv/bin/python");
    assert!(
        python.exists(),
        "{} is missing. Run ./test.sh, which installs Pillow.",
        python.display()
    );
    let status = Command::new(python)
        .arg(scripts.join(script))
        .args(arguments)
        .status()
        .unwrap();
    assert!(status.success(), "{script}: {status}");
}

fn answer(bytes: &[u8]) -> Result<Picture, String> {
    let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
    let line = String::from_utf8_lossy(&bytes[..end]);
    if let Some(reason) = line.strip_prefix("refused ") {
        return Err(reason.to_owned());
    }
    let mut words = line.split(' ');
    let mut word = || words.next().unwrap();
    Ok(Picture {
        mode: word().to_owned(),
        width: word().parse().unwrap(),
        height: word().parse().unwrap(),
        samples: bytes[end + 1..].to_vec(),
    })
}

/// Half-transparent red: Pillow must find it in each form that a test may ask for.
#[test]
fn pillow_decodes_each_form() {
    let mut file = Vec::new();
    image::RgbaImage::from_pixel(3, 2, image::Rgba([255, 0, 0, 127]))
        .write_to(&mut std::io::Cursor::new(&mut file), image::ImageFormat::Png)
        .unwrap();
    for (how, mode, pixel) in [
        (How::Stored, "RGBA", &[255, 0, 0, 127][..]),
        (How::Rgb, "RGB", &[255, 0, 0]),
        (How::Shown, "RGB", &[255, 128, 128]),
    ] {
        let answers = decode(how, [&file[..], b"no picture"]);
        let picture = answers[0].as_ref().unwrap();
        assert_eq!((&picture.mode[..], picture.width, picture.height), (mode, 3, 2));
        assert_eq!(picture.samples, pixel.repeat(6));
        assert!(
            answers[1].as_ref().unwrap_err().contains("cannot identify"),
            "{answers:?}"
        );
    }
}
