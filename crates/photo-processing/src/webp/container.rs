//! The container of a WebP file: RIFF chunks (RFC 9649, section 2).

use image::metadata::Orientation;

/// The flags of the VP8X chunk.
const PROFILE_FLAG: u8 = 0x20;
const ALPHA_FLAG: u8 = 0x10;

/// What a file contains.
pub(super) struct Container<'a> {
    /// The size of the picture. The frame may be a part of it in an animation.
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) frame: Frame<'a>,
    pub(super) profile: Option<&'a [u8]>,
    pub(super) orientation: Orientation,
}

/// The picture, or the first frame of an animation.
pub(super) struct Frame<'a> {
    pub(super) x: u32,
    pub(super) y: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) coded: Coded<'a>,
    pub(super) transparency: Option<Transparency<'a>>,
}

/// The coded pixels.
#[derive(Clone, Copy)]
pub(super) enum Coded<'a> {
    Lossy(&'a [u8]),
    Lossless(&'a [u8]),
}

/// Where the opacity of the pixels is.
#[derive(Clone, Copy)]
pub(super) enum Transparency<'a> {
    /// In the content of an ALPH chunk.
    Apart(&'a [u8]),
    /// In the lossless pixels.
    InPixels,
}

impl<'a> Container<'a> {
    /// Reads a file. A part of the picture may be missing, but no chunk is cut.
    pub(super) fn read(file: &'a [u8]) -> Option<Self> {
        let (header, rest) = file.split_at_checked(12)?;
        let length = little_endian(&header[4..8]).checked_sub(4)?;
        let chunks = chunks(rest.get(..length as usize)?)?;
        let first = |name: &[u8; 4]| {
            chunks
                .iter()
                .find(|chunk| chunk.name == name)
                .map(|chunk| chunk.content)
        };
        let mut frame = match first(b"ANMF") {
            None => Frame::read(&chunks)?,
            Some(content) => {
                let (header, content) = content.split_at_checked(16)?;
                Frame {
                    x: little_endian(&header[0..3]) * 2,
                    y: little_endian(&header[3..6]) * 2,
                    ..Frame::read(&self::chunks(content)?)?
                }
            }
        };
        let mut profile = first(b"ICCP");
        let (mut width, mut height) = (frame.width, frame.height);
        if let Some(header) = first(b"VP8X") {
            let (flags, sides) = (header.first()?, header.get(4..10)?);
            (width, height) = (1 + little_endian(&sides[..3]), 1 + little_endian(&sides[3..]));
            // Browsers use what the flags say is there.
            profile = profile.filter(|_| flags & PROFILE_FLAG != 0);
            frame.transparency = frame.transparency.filter(|_| flags & ALPHA_FLAG != 0);
        }
        let fits = frame.x + frame.width <= width && frame.y + frame.height <= height;
        let exif = first(b"EXIF").map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
        fits.then_some(Self {
            width,
            height,
            frame,
            profile,
            orientation: exif
                .and_then(Orientation::from_exif_chunk)
                .unwrap_or(Orientation::NoTransforms),
        })
    }
}

impl<'a> Frame<'a> {
    fn read(chunks: &[Chunk<'a>]) -> Option<Self> {
        let is_picture = |chunk: &&Chunk| matches!(chunk.name, b"VP8 " | b"VP8L");
        let picture = chunks.iter().find(is_picture)?;
        let content = picture.content;
        let (width, height, coded, transparency) = if picture.name == b"VP8 " {
            let side = |bytes: &[u8]| little_endian(bytes) & 0x3FFF;
            let alpha = chunks.iter().find(|chunk| chunk.name == b"ALPH");
            let alpha = alpha.map(|chunk| Transparency::Apart(chunk.content));
            (
                side(content.get(6..8)?),
                side(content.get(8..10)?),
                Coded::Lossy(content),
                alpha,
            )
        } else {
            let header = little_endian(content.get(1..5)?);
            let alpha = (header >> 28 & 1 == 1).then_some(Transparency::InPixels);
            (
                1 + (header & 0x3FFF),
                1 + (header >> 14 & 0x3FFF),
                Coded::Lossless(content),
                alpha,
            )
        };
        let has_pixels = width > 0 && height > 0;
        has_pixels.then_some(Self {
            x: 0,
            y: 0,
            width,
            height,
            coded,
            transparency,
        })
    }
}

struct Chunk<'a> {
    name: &'a [u8],
    content: &'a [u8],
}

/// The chunks that are read. There may be very many others.
const NAMES: [&[u8; 4]; 7] = [b"VP8X", b"ICCP", b"ANMF", b"ALPH", b"VP8 ", b"VP8L", b"EXIF"];

/// The first chunk of each name in these bytes, in their order, or nothing if a chunk is cut.
fn chunks(mut bytes: &[u8]) -> Option<Vec<Chunk<'_>>> {
    let mut chunks: Vec<Chunk> = Vec::new();
    while let Some((header, rest)) = bytes.split_at_checked(8) {
        let (content, rest) = rest.split_at_checked(little_endian(&header[4..]) as usize)?;
        let name = &header[..4];
        let is_new = chunks.iter().all(|chunk| chunk.name != name);
        if is_new && NAMES.iter().any(|known| *known == name) {
            chunks.push(Chunk { name, content });
        }
        // A chunk of odd length is followed by a byte that fills up.
        bytes = rest.get(content.len() % 2..).unwrap_or_default();
    }
    Some(chunks)
}

/// The number in at most four bytes.
pub(super) fn little_endian(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
