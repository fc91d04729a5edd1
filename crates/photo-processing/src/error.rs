//! What is wrong with an uploaded photo.

/// What is wrong with an uploaded photo. Each message says what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PhotoError {
    /// It is not a PNG, JPEG or WebP. The message says what it is.
    #[error("{0}")]
    OtherFormat(&'static str),
    /// It is a JPEG that neither cameras make nor browsers show: lossless, hierarchical, with arithmetic coding, or with
    /// 12 bits per sample.
    #[error(
        "This kind of JPEG is not supported. Save it again as an ordinary JPEG or as PNG, then choose the new file."
    )]
    UnsupportedJpeg,
    /// It starts like one of them but cannot be decoded, or a part of it is missing.
    #[error("This image is damaged and cannot be read. Choose another photo.")]
    Damaged,
    /// It has too many pixels to decode.
    #[error("This image has too many pixels. Choose one with at most 67 megapixels.")]
    TooManyPixels,
    /// One side is too long.
    #[error("This image is too long. Choose one with at most 32,768 pixels on its longer side.")]
    SideTooLong,
    /// It is made in a way that no camera and no common program writes, and would take too much time or memory.
    #[error("This image takes too much work to decode. Save it again as JPEG, then choose the new file.")]
    TooMuchWork,
    /// It is a WebP with more megapixels than the decoder of its kind has memory for.
    #[error(
        "This WebP has too many pixels. Choose one with at most {0} megapixels, or save it as JPEG and choose that."
    )]
    WebpTooManyPixels(u32),
    /// Too many photos are being processed.
    #[error("Too many photos are being processed just now. Wait a moment, then try again.")]
    Busy,
}
