//! How much of the site one client, and all clients together, may use.

use std::time::Duration;

use super::reader::Reader;

/// How much of the site one client, and all clients together, may use. What is not a setting is a field all the same, so
/// that tests can use short limits.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `POSTS_PER_MINUTE`: how many forms a client may send. 0 is no limit, as for the next two. Default 30.
    pub posts_per_minute: u32,
    /// `UPLOADS_PER_MINUTE`: how many of them may have a photo. Default 10.
    pub uploads_per_minute: u32,
    /// `SEARCHES_PER_SECOND`: how often a client may search. Default 10.
    pub searches_per_second: u32,
    /// `MIN_FREE_BYTES`: photos in a folder are refused while its disk has less free space, so that a disk that fills up
    /// still takes reviews. Default 200 MiB: room for 100,000 reviews without a photo, for the files beside SQLite's, and
    /// for logs until someone makes room.
    pub min_free_bytes: u64,
    /// How much memory the photos that are being received may use together, in bytes: by default, room for six of the
    /// maximum size, or for sixteen as phones take them. A larger `MAX_UPLOAD_BYTES` gets room for two.
    pub upload_memory: usize,
    /// How much of that memory one client may use: a quarter, or room for one photo of the maximum size.
    pub upload_share: usize,
    /// How long a photo waits for that memory.
    pub upload_patience: Duration,
    /// While others wait for memory, a form that has some of it must not fall behind its own pace for this long.
    pub upload_turn: Duration,
    /// How slowly a form may arrive.
    pub upload_pace: Pace,
}

/// A minimum rate: in each window of time, at least this many bytes must arrive, or the body must end.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The length of a window.
    pub window: Duration,
    /// The bytes that must arrive in it.
    pub bytes: usize,
}

impl Pace {
    /// About 1 KiB a second. Even GPRS, the slowest mobile network, sends twice as much, and a form without a photo
    /// is complete before the first window ends. The window is long enough for a phone that loses its network for ten
    /// seconds.
    const SLOWEST_PHONE: Self = Self {
        window: Duration::from_secs(15),
        bytes: 16 << 10,
    };
}

impl Limits {
    pub(super) fn read(reader: &mut Reader<'_>, max_upload_bytes: usize) -> Self {
        let mut rate = |name, default| {
            let expected = "a whole number from 0 (no limit) to 100000";
            reader.parse(name, expected, default, |rate: &u32| *rate <= 100_000)
        };
        let upload_memory = (64 << 20).max(2 * max_upload_bytes);
        Self {
            posts_per_minute: rate("POSTS_PER_MINUTE", 30),
            uploads_per_minute: rate("UPLOADS_PER_MINUTE", 10),
            searches_per_second: rate("SEARCHES_PER_SECOND", 10),
            min_free_bytes: reader.parse(
                "MIN_FREE_BYTES",
                "a number of bytes, such as 209715200 (200 MiB), or 0 (photos are stored until the disk is full)",
                200 << 20,
                |_| true,
            ),
            upload_memory,
            // The texts of a form may need some too.
            upload_share: (upload_memory / 4).max(max_upload_bytes + (1 << 20)),
            upload_patience: Duration::from_secs(20),
            // Less than half of the time for which others wait.
            upload_turn: Duration::from_secs(5),
            upload_pace: Pace::SLOWEST_PHONE,
        }
    }
}
