use std::convert::Infallible;

use proptest::prelude::*;
use tokio::time::sleep;

use super::*;
use crate::web::upload_memory::{Held, UploadMemory};

const PACE: Pace = Pace {
    window: Duration::from_secs(10),
    bytes: 1000,
};

const TURN: Duration = Duration::from_secs(5);

/// Receives a body of chunks of this many bytes, each of which arrives after this many seconds. Returns how many
/// bytes arrived, and whether all of them did.
async fn receive(chunks: &[(u64, usize)]) -> (usize, bool) {
    let memory = UploadMemory::new(0, 0, Duration::ZERO).allow(None);
    let chunks = chunks.to_vec();
    let body = futures_util::stream::iter(chunks).then(|(seconds, bytes)| async move {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok::<_, Infallible>(vec![0; bytes])
    });
    let mut received = Received::new(Body::from_stream(body), PACE, TURN, &memory);
    let mut total = 0;
    loop {
        match received.next().await {
            Ok(Some(piece)) => {
                assert!(piece.len() <= PIECE);
                total += piece.len();
            }
            Ok(None) => return (total, true),
            Err(error) => {
                assert!(error.is::<TooSlow>(), "{error}");
                return (total, false);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_slower_than_its_pace_is_cut() {
    for (chunks, wanted) in [
        (vec![], (0, true)),
        (vec![(9, 1)], (1, true)),
        (vec![(11, 1)], (0, false)),
        (vec![(0, 100_000)], (100_000, true)),
        (vec![(4, 1); 20], (2, false)),
        (vec![(4, 500); 20], (10_000, true)),
        (vec![(4, 499); 20], (998, false)),
        // A pause after a fast start is within the average of its window, but a window without a byte is not.
        (vec![(0, 2000), (15, 1000)], (3000, true)),
        (vec![(0, 2000), (21, 1000)], (2000, false)),
    ] {
        assert_eq!(receive(&chunks).await, wanted, "{chunks:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_time_of_the_client_counts() {
    let memory = UploadMemory::new(0, 0, Duration::ZERO).allow(None);
    let body = futures_util::stream::iter(0..20).then(|_| async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        Ok::<_, Infallible>(vec![0; 1])
    });
    let mut received = Received::new(Body::from_stream(body), PACE, TURN, &memory);
    while received.next().await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
}

/// Receives such a body, while another form waits for memory from this second on. Returns how many bytes arrived before
/// it lost its turn; `None` if it kept it.
async fn receive_wanted(chunks: &[(u64, usize)], wanted_from: u64) -> Option<usize> {
    let all = UploadMemory::new(1 << 20, 1 << 20, Duration::from_hours(1));
    let memory = all.allow(None);
    let mut held = Held::default();
    assert!(memory.cover_now(&mut held, 1 << 20));
    let other = all.allow(None);
    let chunks = chunks.to_vec();
    let body = futures_util::stream::iter(chunks).then(|(millis, bytes)| async move {
        sleep(Duration::from_millis(millis)).await;
        Ok::<_, Infallible>(vec![0; bytes])
    });
    let pace = Pace { bytes: 0, ..PACE };
    let mut received = Received::new(Body::from_stream(body), pace, TURN, &memory);
    let receive = async {
        let mut total = 0;
        loop {
            match received.next().await {
                Ok(Some(piece)) => total += piece.len(),
                Ok(None) => return None,
                Err(error) => {
                    assert!(error.is::<LostTurn>(), "{error}");
                    return Some(total);
                }
            }
        }
    };
    let wait = async {
        sleep(Duration::from_secs(wanted_from)).await;
        other.cover(&mut Held::default(), 1).await;
        unreachable!("the memory is never free");
    };
    tokio::select! {
        biased;
        lost = receive => lost,
        () = wait => None,
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_falls_behind_loses_its_turn_if_others_wait() {
    const MB: usize = 1 << 20;
    let burst = |then: &[(u64, usize)]| [&[(0, 9 * MB)], then].concat();
    for (chunks, wanted_from, wanted) in [
        // Fast, then a trickle: it is cut in the second turn.
        (burst(&[(100, 200); 1000]), 0, Some(9 * MB + 100 * 200)),
        // The trickle goes on as long as nobody waits, and not for much longer.
        (burst(&[(100, 200); 1000]), 1000, None),
        (burst(&[(100, 200); 1000]), 50, Some(9 * MB + 550 * 200)),
        // Fast, then nothing.
        (burst(&[(60_000, 1)]), 0, Some(9 * MB)),
        // Slow, but at its own pace; also with a gap below the length of a turn.
        (vec![(1000, 2000); 300], 0, None),
        (
            [&[(1000, 2000); 50][..], &[(4000, 2000)], &[(1000, 2000); 50]].concat(),
            0,
            None,
        ),
        // A form without a photo uses none of the memory.
        (vec![(0, 10_000), (60_000, 1000)], 0, None),
    ] {
        assert_eq!(receive_wanted(&chunks, wanted_from).await, wanted, "{:?}", &chunks[..2]);
    }
}

proptest! {
    /// Whatever the pace of a body: it keeps its turn while it is even, and loses it when it drops to a tenth.
    #[test]
    fn a_body_keeps_its_turn_at_its_own_pace(
        bytes in 2000..200_000_usize,
        waits in proptest::collection::vec(500_u64..1500, 40..80),
        drop_at in 20..40_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let even: Vec<(u64, usize)> = waits.iter().map(|wait| (*wait, bytes)).collect();
        prop_assert_eq!(runtime.block_on(receive_wanted(&even, 0)), None);
        let slow = [(1000, bytes / 10); 60];
        let lost = runtime.block_on(receive_wanted(&[&even[..drop_at], &slow].concat(), 0));
        prop_assert!(lost.is_some());
    }
}
