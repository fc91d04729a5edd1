//! Photos: sent files are decoded and cleaned, and served as JPEGs that caches may keep.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, GenericImageView, ImageEncoder, ImageFormat, ImageReader, Rgba, RgbaImage};
use photo_processing::{MEDIUM_SIDE, PHOTO_SIDE, PhotoError, PhotoProcessor, THUMBNAIL_SIDE, process};
use reqwest::StatusCode;
use reqwest::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};

use crate::harness::{
    Site, assert_passed, encoded, location, over_both_photo_stores, photo_link, red_blue, review_with_photo,
    test_process,
};

over_both_photo_stores!(every_format_becomes_a_jpeg_that_caches_keep);

/// EXIF with an orientation (tag 0x0112) and a GPS latitude reference (tag 0x8825 and below).
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = Vec::new();
    exif.extend(b"II*\0\x08\0\0\0"); // TIFF header, first directory at 8
    exif.extend(2u16.to_le_bytes());
    exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0]);
    exif.extend([0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0]); // GPS directory at 38
    exif.extend(0u32.to_le_bytes());
    exif.extend(1u16.to_le_bytes());
    exif.extend([0x01, 0x00, 2, 0, 2, 0, 0, 0, b'N', 0, 0, 0]);
    exif.extend(0u32.to_le_bytes());
    exif.extend(b"SECRET-POSITION");
    exif
}

fn jpeg_with_exif(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    encoder.set_exif_metadata(exif(orientation)).unwrap();
    encoder.encode_image(picture).unwrap();
    bytes
}

fn decoded(bytes: &[u8]) -> DynamicImage {
    image::load_from_memory_with_format(bytes, ImageFormat::Jpeg).unwrap()
}

fn is_red(picture: &DynamicImage, x: u32, y: u32) -> bool {
    let [red, _, blue, _] = picture.get_pixel(x, y).0;
    red > 150 && blue < 100
}

async fn every_format_becomes_a_jpeg_that_caches_keep(site: Site) {
    let path = site.add_restaurant("A").await;
    let lossy_webp = include_bytes!("fixtures/lossy.webp").to_vec();
    let picture = red_blue(400, 300);
    let files = [
        encoded(&picture, ImageFormat::Png),
        encoded(&picture, ImageFormat::Jpeg),
        encoded(&picture, ImageFormat::WebP),
        lossy_webp,
    ];
    for file in files {
        assert_eq!(
            location(&site.review(&path, review_with_photo("Ada", "5", file)).await),
            path
        );
        let link = photo_link(&site.page(&path).await);
        let photo = site.get(&link).send().await.unwrap();
        assert_eq!(photo.status(), StatusCode::OK);
        assert_eq!(photo.headers()[CONTENT_TYPE], "image/jpeg");
        assert_eq!(photo.headers()[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert_eq!(photo.headers()["x-content-type-options"], "nosniff");
        let etag = photo.headers()[ETAG].to_str().unwrap().to_owned();
        let length: usize = photo.headers()[CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
        let bytes = photo.bytes().await.unwrap();
        assert_eq!(bytes.len(), length);
        assert_eq!(decoded(&bytes).dimensions(), (400, 300));

        for known in [etag.clone(), format!("\"x\", W/{etag}"), "*".into()] {
            let unchanged = site.get(&link).header(IF_NONE_MATCH, known).send().await.unwrap();
            assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
            assert_eq!(unchanged.headers()[ETAG], etag.as_str());
        }
        let other = site.get(&link).header(IF_NONE_MATCH, "\"other\"").send().await.unwrap();
        assert_eq!(other.status(), StatusCode::OK);

        let thumbnail = site.get(&link.replace(".jpg", "-thumb.jpg")).send().await.unwrap();
        assert_eq!(thumbnail.status(), StatusCode::OK);
        assert_eq!(
            decoded(&thumbnail.bytes().await.unwrap()).dimensions(),
            (THUMBNAIL_SIDE, 240)
        );
    }
    assert!(
        site.page("/").await.contains("-thumb.jpg"),
        "the newest photo is the cover in the list"
    );
}

#[test]
fn a_photo_is_turned_upright_and_loses_its_metadata() {
    // The orientation; then, of the upright picture, the size and a point in the red half (EXIF 2.3, 4.6.4).
    for (orientation, size, red) in [
        (1, (400, 200), (50, 100)),
        (2, (400, 200), (350, 100)),
        (3, (400, 200), (350, 100)),
        (4, (400, 200), (50, 100)),
        (5, (200, 400), (100, 50)),
        (6, (200, 400), (100, 50)),
        (7, (200, 400), (100, 350)),
        (8, (200, 400), (100, 350)),
    ] {
        let sent = jpeg_with_exif(&red_blue(400, 200), orientation);
        assert!(contains(&sent, b"SECRET-POSITION"), "the test's photo has a position");
        let processed = process(&sent).unwrap();
        let photo = decoded(&processed.photo);
        assert_eq!(photo.dimensions(), size, "orientation {orientation}");
        assert!(is_red(&photo, red.0, red.1), "orientation {orientation}");
        assert!(
            !is_red(&photo, size.0 - red.0, size.1 - red.1),
            "orientation {orientation}"
        );
        for bytes in [&processed.photo, &processed.medium, &processed.thumbnail] {
            assert!(!contains(bytes, b"SECRET-POSITION") && !contains(bytes, b"Exif"));
        }
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[test]
fn large_photos_are_scaled_small_ones_are_not() {
    let size = |sent: &[u8]| {
        let processed = process(sent).unwrap();
        (
            decoded(&processed.photo).dimensions(),
            decoded(&processed.medium).dimensions(),
            decoded(&processed.thumbnail).dimensions(),
        )
    };
    let large = encoded(&red_blue(4000, 3000), ImageFormat::Jpeg);
    assert_eq!(
        size(&large),
        ((PHOTO_SIDE, 1536), (MEDIUM_SIDE, 540), (THUMBNAIL_SIDE, 240))
    );
    let tall = encoded(&red_blue(300, 6000), ImageFormat::Png);
    assert_eq!(
        size(&tall),
        ((102, PHOTO_SIDE), (36, MEDIUM_SIDE), (16, THUMBNAIL_SIDE))
    );
    let tiny = encoded(&red_blue(2, 1), ImageFormat::Png);
    assert_eq!(size(&tiny), ((2, 1), (2, 1), (2, 1)));
    let line = encoded(&red_blue(20_000, 1), ImageFormat::Png);
    assert_eq!(size(&line), ((PHOTO_SIDE, 1), (MEDIUM_SIDE, 1), (THUMBNAIL_SIDE, 1)));
}

/// Phones take photos in Display P3: the same numbers are a stronger colour there than in sRGB.
#[test]
fn colours_keep_their_look_without_their_profile() {
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let flat = DynamicImage::ImageRgb8(image::RgbImage::from_pixel(40, 30, image::Rgb([100, 180, 100])));
    let mut sent = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut sent, 95);
    encoder.set_icc_profile(profile).unwrap();
    encoder.encode_image(&flat).unwrap();
    let photo = process(&sent).unwrap().photo;
    let [red, green, blue, _] = decoded(&photo).get_pixel(20, 15).0;
    // Display P3 (100, 180, 100) in sRGB, by the matrices of CSS Color 4: (65, 182, 90).
    let near = |value: u8, wanted: u8| value.abs_diff(wanted) <= 4;
    assert!(
        near(red, 65) && near(green, 182) && near(blue, 90),
        "{red} {green} {blue}"
    );
    assert!(!contains(&photo, b"ICC_PROFILE"));

    let mut damaged = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut damaged, 95);
    encoder.set_icc_profile(b"no profile".to_vec()).unwrap();
    encoder.encode_image(&flat).unwrap();
    let [red, ..] = decoded(&process(&damaged).unwrap().photo).get_pixel(20, 15).0;
    assert!(near(red, 100), "{red}");
}

#[test]
fn transparency_becomes_white() {
    let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(10, 10, Rgba([0, 0, 0, 0])));
    for format in [ImageFormat::Png, ImageFormat::WebP] {
        let photo = decoded(&process(&encoded(&clear, format)).unwrap().photo);
        assert!(photo.get_pixel(5, 5).0.iter().all(|value| *value > 250));
    }
}

#[test]
fn every_colour_type_can_be_read() {
    let picture = red_blue(20, 10);
    let variants = [
        DynamicImage::ImageLuma8(picture.to_luma8()),
        DynamicImage::ImageLumaA8(picture.to_luma_alpha8()),
        DynamicImage::ImageLuma16(picture.to_luma16()),
        DynamicImage::ImageRgb16(picture.to_rgb16()),
        DynamicImage::ImageRgba16(picture.to_rgba16()),
    ];
    for variant in variants {
        let photo = decoded(&process(&encoded(&variant, ImageFormat::Png)).unwrap().photo);
        assert_eq!(photo.dimensions(), (20, 10));
    }
}

/// A PNG whose header has this size, with almost no data.
fn png_bomb(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(&red_blue(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&checksum.to_be_bytes());
    png
}

/// The checksum of PNG chunks (PNG specification, annex D).
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 {
                0xedb8_8320 ^ (crc >> 1)
            } else {
                crc >> 1
            }
        })
    })
}

#[test]
fn a_bomb_is_refused_by_its_header() {
    for (width, height) in [
        (65_000, 65_000),
        (10_000, 10_000),
        (u32::MAX >> 1, u32::MAX >> 1),
        (100_000_000, 1),
    ] {
        assert_eq!(
            process(&png_bomb(width, height)).unwrap_err(),
            PhotoError::TooManyPixels,
            "{width} × {height}"
        );
    }
    let mut jpeg = encoded(&red_blue(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].fill(0xff); // 65,535 × 65,535
    assert_eq!(process(&jpeg).unwrap_err(), PhotoError::TooManyPixels);
}

#[tokio::test]
async fn a_bomb_takes_no_memory() {
    if !is_alone("a_bomb_takes_no_memory").await {
        return;
    }
    // A picture within the limits may need 150 MB for its pixels. A refused one must not allocate them.
    let before = peak_memory_kib();
    for _ in 0..50 {
        process(&png_bomb(50_000, 50_000)).unwrap_err();
    }
    let grown = peak_memory_kib() - before;
    assert!(grown < 64 * 1024, "{grown} KiB");
}

/// Whether this process runs only this test, which measures the memory of the process. If not, runs the test in such a
/// process.
async fn is_alone(test: &str) -> bool {
    if std::env::var_os("ALONE").is_some() {
        return true;
    }
    let mut process = test_process(module_path!(), test);
    assert_passed(&process.env("ALONE", "1").output().await.unwrap());
    false
}

fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_damaged_photo_is_refused() {
    let png = encoded(&red_blue(50, 50), ImageFormat::Png);
    for damaged in [
        &png[..20],
        &png[..png.len() / 2],
        b"\xff\xd8\xff\xe0",
        b"RIFF\x10\0\0\0WEBPVP8 ",
    ] {
        assert_eq!(
            process(damaged).unwrap_err(),
            PhotoError::Damaged,
            "{:?}",
            &damaged[..4]
        );
    }
}

#[test]
fn no_prefix_and_no_flipped_byte_causes_a_panic() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let whole = encoded(&red_blue(24, 16), format);
        for end in 0..whole.len() {
            let _ = process(&whole[..end]);
        }
        for index in 0..whole.len() {
            let mut changed = whole.clone();
            changed[index] ^= 0xff;
            let _ = process(&changed);
        }
    }
}

#[test]
fn a_polyglot_loses_its_other_half() {
    let script = b"<html><script>alert(1)</script>";
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let mut polyglot = encoded(&red_blue(20, 10), format);
        polyglot.extend(script);
        polyglot.extend(b"PK\x03\x04");
        let processed = process(&polyglot).unwrap();
        assert!(!contains(&processed.photo, b"script") && !contains(&processed.photo, b"PK\x03\x04"));
        let reader = ImageReader::new(Cursor::new(&processed.photo))
            .with_guessed_format()
            .unwrap();
        assert_eq!(reader.format(), Some(ImageFormat::Jpeg));
    }
}

#[tokio::test]
async fn the_content_decides_and_not_the_name_or_the_type() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    let part = |bytes: &[u8], name: &'static str, kind: &str| {
        let file = reqwest::multipart::Part::bytes(bytes.to_vec())
            .file_name(name)
            .mime_str(kind)
            .unwrap();
        crate::harness::review("Ada", "5", "").part("reviewImage", file)
    };
    let html = site
        .review(&path, part(b"<script>alert(1)</script>", "photo.png", "image/png"))
        .await;
    assert_eq!(html.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.text().await.unwrap().contains("This is a text file, not a photo."));
    let png = encoded(&red_blue(20, 10), ImageFormat::Png);
    let real = site.review(&path, part(&png, "../../evil.html", "text/html")).await;
    assert_eq!(location(&real), path);
    assert_eq!(site.photo_files().len(), 3);
}

#[tokio::test]
async fn a_photo_beyond_the_limit_is_refused_and_typed_text_is_kept() {
    let site = Site::start_with(|config| config.max_upload_bytes = 64 << 10).await;
    let path = site.add_restaurant("A").await;
    for size in [(64 << 10) + 1, 250 << 10, 20 << 20] {
        let response = site
            .review(&path, review_with_photo("Typed name", "4", vec![0x55; size]))
            .await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let page = response.text().await.unwrap();
        for part in [
            "Image too big, try again.",
            "This file is too big. Choose a photo of at most 64 KB, or save this one again at a smaller size.",
            "Typed name",
            "With a photo",
        ] {
            assert!(page.contains(part), "{part}");
        }
    }
    assert!(site.photo_files().is_empty());
}

#[tokio::test]
async fn an_empty_file_is_refused_only_if_it_has_a_name() {
    let site = Site::start().await;
    let path = site.add_restaurant("A").await;
    // A browser sends a part without a file name if no file was chosen, or with an empty one.
    for (file_name, refused) in [(None, false), (Some(""), false), (Some("photo.jpg"), true)] {
        let part = reqwest::multipart::Part::bytes(Vec::new());
        let part = match file_name {
            Some(name) => part.file_name(name),
            None => part,
        };
        let form = crate::harness::review("Typed name", "4", "Typed text").part("reviewImage", part);
        let response = site.review(&path, form).await;
        if refused {
            assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{file_name:?}");
            let page = response.text().await.unwrap();
            for part in [
                r#"id="reviewImage-error">This file is empty. Choose another photo."#,
                r#"value="Typed name""#,
                "Typed text</textarea>",
                r#"value="4" required checked"#,
            ] {
                assert!(page.contains(part), "{part} in {page}");
            }
        } else {
            assert_eq!(location(&response), path, "{file_name:?}");
        }
    }
    assert!(site.photo_files().is_empty());
}

/// More than may wait are refused at once, and those that may are all processed.
#[tokio::test]
async fn photos_wait_in_a_short_line() {
    let processor = PhotoProcessor::default();
    let sent = encoded(&red_blue(600, 400), ImageFormat::Jpeg);
    let all = (0..20).map(|_| processor.process(sent.clone()));
    let answers = futures_util::future::join_all(all).await;
    let (first, rest) = answers.split_at(16);
    assert!(first.iter().all(Result::is_ok));
    for answer in rest {
        assert_eq!(answer.as_ref().unwrap_err(), &PhotoError::Busy);
    }
    // The line is empty again.
    processor.process(sent).await.unwrap();
}
