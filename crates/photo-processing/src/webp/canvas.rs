//! The picture that a frame is a part of.

use fast_image_resize::pixels::U8x3;
use image::RgbImage;

use super::container::{Container, Frame};
use crate::reduction::Reduction;

const WHITE: [u8; 3] = [255; 3];

/// A picture that is white where its frame is not.
pub(super) struct Canvas<'a> {
    frame: &'a Frame<'a>,
    width: u32,
    height: u32,
    picture: Reduction<3>,
    /// The next row.
    y: u32,
    pixels: Vec<[u8; 3]>,
}

impl<'a> Canvas<'a> {
    pub(super) fn new(container: &'a Container) -> Self {
        let mut canvas = Self {
            frame: &container.frame,
            width: container.width,
            height: container.height,
            picture: Reduction::new(container.width, container.height),
            y: 0,
            pixels: Vec::new(),
        };
        canvas.fill_to(container.frame.y);
        canvas
    }

    /// Adds the next row of the frame, whose pixels are appended by `append`.
    pub(super) fn add(&mut self, append: impl FnOnce(&mut Vec<[u8; 3]>)) {
        self.pixels.clear();
        self.pixels.resize(self.frame.x as usize, WHITE);
        append(&mut self.pixels);
        self.add_pixels();
    }

    /// The whole picture, once all rows of the frame have been added.
    pub(super) fn finish(mut self) -> RgbImage {
        self.fill_to(self.height);
        self.picture.finish::<_, U8x3>()
    }

    fn fill_to(&mut self, y: u32) {
        while self.y < y {
            self.pixels.clear();
            self.add_pixels();
        }
    }

    fn add_pixels(&mut self) {
        self.pixels.resize(self.width as usize, WHITE);
        self.picture.add(self.y, 0, 1, &self.pixels);
        self.y += 1;
    }
}
