//! A file that is not a photo is refused with a message that says what it is, whatever surrounds its signature.

use photo_processing::{PhotoError, process};

/// What the message calls this file.
fn message(sent: &[u8]) -> String {
    match process(sent).map(|_| ()) {
        Err(error @ PhotoError::OtherFormat(_)) => error.to_string(),
        other => panic!("{:?} is {other:?}", &sent[..sent.len().min(24)]),
    }
}

/// A box of an ISO base media file with these brands. The first is the major brand.
fn media_file(brands: &[&str]) -> Vec<u8> {
    let size = u8::try_from(12 + 4 * brands.len()).expect("few brands");
    let mut file = vec![0, 0, 0, size];
    file.extend(b"ftyp");
    file.extend(brands[0].as_bytes());
    file.extend([0; 4]);
    file.extend(brands[1..].concat().as_bytes());
    // The boxes after it do not count, whatever they hold.
    file.extend(b"\0\0\0\x10freeheicavif");
    file
}

#[test]
fn each_kind_is_named() {
    let ogg = |codec: &[u8]| [b"OggS\0\x02", &[0; 20][..], b"\x01\x1e", codec].concat();
    let kinds: &[(&str, &[&[u8]])] = &[
        ("a GIF picture", &[b"GIF87a\x01\0", b"GIF89a\x01\0\x01\0\0\0\0;"]),
        (
            "a TIFF picture or a raw file",
            &[b"II*\0\x08\0\0\0\x0e\0", b"MM\0*\0\0\0\x08"],
        ),
        (
            "a raw file of a camera",
            &[b"II*\0\x10\0\0\0CR\x02\0", b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0\0\0"],
        ),
        ("a BMP picture", &[b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0"]),
        ("an icon", &[b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0"]),
        (
            "a JPEG XL picture",
            &[b"\xff\x0a\xfa\x1f", b"\0\0\0\x0cJXL \r\n\x87\n\0\0"],
        ),
        (
            "a JPEG 2000 picture",
            &[b"\0\0\0\x0cjP  \r\n\x87\n\0\0", b"\xff\x4f\xff\x51\0\x2f"],
        ),
        ("a Photoshop file", &[b"8BPS\0\x01"]),
        ("a PDF document", &[b"%PDF-1.7\n%\xe2\xe3\xcf\xd3"]),
        (
            "a video",
            &[
                b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x23\x42\x86\x81\x01\x42\x82webm",
                b"RIFF\xff\xff\x01\0AVI LIST",
                b"\0\0\x07\xf5moov\0\0\0\x6cmvhd",
                b"\0\0\x01\xba\x44\0",
                b"FLV\x01\x05",
                &ogg(b"\x80theora"),
            ],
        ),
        (
            "a sound file",
            &[
                b"ID3\x04\0\0\0\0\x0f\x76",
                b"\xff\xfb\x90\x64\0\0",
                b"RIFF\x24\0\0\0WAVEfmt ",
                b"fLaC\0\0\0\x22",
                b"OggS\0\x02\0\0\0\0\0\0\0\0\x01\x02\x03\x04\0\0\0\0\xff\xff\xff\xff\x01\x13OpusHead",
            ],
        ),
        (
            "a ZIP archive or an Office document",
            &[b"PK\x03\x04\x14\0\x06\0", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0"],
        ),
        (
            "an archive",
            &[b"Rar!\x1a\x07\x01\0", b"\x1f\x8b\x08\0", b"7z\xbc\xaf\x27\x1c\0\x04"],
        ),
        (
            "a web page",
            &[
                b"<!DOCTYPE html><title>a</title>",
                b"\n<html lang=en>",
                b"<!-- saved --><HTML>",
            ],
        ),
        (
            "a text file",
            &[
                b"hello",
                b"<?php echo 1;",
                b"\xff\xfeh\0i\0",
                "Grüße aus Köln".as_bytes(),
                b"<script>alert(1)</script>",
            ],
        ),
        (
            "not a PNG, JPEG or WebP image",
            &[
                b"",
                b"\x89PN",
                b"\0\0\0\0\0\0\0\0",
                b"\xff",
                b"RIFF\0\0\0\0JUNK",
                b"a\0b",
            ],
        ),
    ];
    for (name, files) in kinds {
        for file in *files {
            let message = message(file);
            assert!(message.contains(name), "{file:?}: {message}");
            assert!(
                message.contains("Choose a") || message.contains(", then choose "),
                "{message}"
            );
        }
    }
}

#[test]
fn a_media_file_is_known_by_any_of_its_brands() {
    for (name, brands) in [
        ("a HEIC photo", &["heic", "mif1", "heic"][..]),
        ("a HEIC photo", &["mif1", "mif1", "miaf", "heix"]),
        ("a HEIC photo", &["msf1", "hevc", "mif1"]),
        (
            "a HEIC photo",
            &["heic", "mif1", "MiHE", "MiPr", "miaf", "MiHB", "heic", "tmap"],
        ),
        ("an AVIF picture", &["avif", "mif1", "miaf", "MA1B"]),
        ("an AVIF picture", &["mif1", "avif", "miaf"]),
        ("an AVIF picture", &["avis", "msf1", "miaf"]),
        ("a HEIF picture", &["mif1", "miaf"]),
        ("a raw file of a camera", &["crx ", "isom"]),
        ("a video", &["isom", "iso2", "avc1", "mp41"]),
        ("a video", &["qt  "]),
        ("a video", &["3gp4", "isom", "3gp4"]),
        ("a sound file", &["M4A ", "mp42", "isom"]),
    ] {
        let message = message(&media_file(brands));
        assert!(message.contains(name), "{brands:?}: {message}");
    }
    let heic = message(&media_file(&["heic"]));
    assert!(heic.contains("Settings → Camera → Formats → Most Compatible"), "{heic}");
}

#[test]
fn svg_is_known_after_all_that_may_precede_it() {
    let parts = [
        "\u{feff}",
        " \r\n\t",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>",
        "\n<!-- Generator: <html> -- -->\n",
        "<?xml-stylesheet href=\"a.css\"?>",
        "<!---->",
    ];
    let starts = [
        "<svg xmlns='http://www.w3.org/2000/svg'/>",
        "<svg:svg>",
        "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" [ <!ENTITY a \"b\"> ]><svg/>",
    ];
    for start in starts {
        // Every choice of the parts, in their order.
        for chosen in 0..1 << parts.len() {
            let before = (0..parts.len()).filter(|part| chosen >> part & 1 == 1);
            let svg = before.map(|part| parts[part]).collect::<String>() + start;
            let message = message(svg.as_bytes());
            assert!(message.contains("an SVG drawing"), "{svg}: {message}");
        }
    }
    assert!(message(b"<!-- <svg").contains("a text file"));
}

#[test]
fn a_text_is_known_although_the_examined_part_ends_within_a_character() {
    for before in 0..4 {
        let text = "x".repeat(before) + &"🍕".repeat(5000);
        assert!(message(text.as_bytes()).contains("a text file"));
    }
}
