//! What application segments say about the picture: orientation, colour profile, and how colours are stored.

use image::metadata::Orientation;
use moxcms::ColorProfile;

use super::frame::Frame;
use super::planes::Colours;
use super::segments::Segment;
use crate::icc;

/// A byte follows that only fills up: mostly 0, but some writers use FF.
const EXIF: &[u8] = b"Exif\0";
const PROFILE: &[u8] = b"ICC_PROFILE\0";
/// Signature, version, two flags and the transform (Adobe's technical note 5116). A shorter segment says nothing.
const ADOBE_LENGTH: usize = 12;

#[derive(Default)]
pub(super) struct Metadata<'a> {
    exif: Option<&'a [u8]>,
    profile_parts: Vec<ProfilePart<'a>>,
    has_jfif: bool,
    adobe_transform: Option<u8>,
}

/// A part of a colour profile (ICC.1, B.4): profiles can be longer than a segment.
struct ProfilePart<'a> {
    number: u8,
    count: u8,
    content: &'a [u8],
}

impl<'a> Metadata<'a> {
    /// Reads an application segment.
    pub(super) fn read(&mut self, segment: &Segment<'a>) {
        match segment.marker {
            0xE0 if segment.content.starts_with(b"JFIF\0") => self.has_jfif = true,
            0xE1 => {
                // The first one counts, as in browsers.
                let exif = segment.content.strip_prefix(EXIF).and_then(|rest| rest.get(1..));
                self.exif = self.exif.or(exif);
            }
            0xE2 => {
                if let Some([number, count, content @ ..]) = segment.content.strip_prefix(PROFILE) {
                    self.profile_parts.push(ProfilePart {
                        number: *number,
                        count: *count,
                        content,
                    });
                }
            }
            0xEE if segment.content.starts_with(b"Adobe") && segment.content.len() >= ADOBE_LENGTH => {
                self.adobe_transform = Some(segment.content[ADOBE_LENGTH - 1]);
            }
            _ => {}
        }
    }

    pub(super) fn orientation(&self) -> Orientation {
        self.exif
            .and_then(Orientation::from_exif_chunk)
            .unwrap_or(Orientation::NoTransforms)
    }

    /// The colour profile, if all its parts are there.
    pub(super) fn profile(mut self) -> Option<ColorProfile> {
        let count = self.profile_parts.len();
        self.profile_parts.sort_by_key(|part| part.number);
        let mut numbers = self
            .profile_parts
            .iter()
            .map(|part| (usize::from(part.number), usize::from(part.count)));
        if !numbers.by_ref().eq((1..=count).map(|number| (number, count))) {
            return None;
        }
        let contents: Vec<&[u8]> = self.profile_parts.iter().map(|part| part.content).collect();
        icc::parse(&contents.concat())
    }

    /// How the components make colours, by the rules of libjpeg, and so of browsers.
    pub(super) fn colours(&self, frame: &Frame) -> Colours {
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        match (ids.as_slice(), self.adobe_transform) {
            ([_], _) | ([_, _, _, _], None | Some(0)) => Colours::Plain,
            ([_, _, _], Some(0)) | (b"RGB", None) if !self.has_jfif => Colours::Plain,
            _ => Colours::Differences,
        }
    }
}
