use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

const PATIENCE: Duration = Duration::from_secs(1);

fn free(memory: &UploadMemory) -> usize {
    memory.all.units.available_permits()
}

fn client(number: u8) -> Client {
    Client::new(Ipv4Addr::new(203, 0, 113, number).into())
}

#[tokio::test(start_paused = true)]
async fn memory_is_taken_as_bytes_arrive_and_freed_at_the_end() {
    let memory = UploadMemory::new(10 << 10, 10 << 10, PATIENCE);
    for client in [None, Some(client(1))] {
        let form = memory.allow(client);
        let mut held = Held::default();
        for (bytes, left) in [(0, 10), (1, 9), (1024, 9), (1025, 8), (1000, 8), (10 << 10, 0)] {
            assert!(form.cover(&mut held, bytes).await);
            assert_eq!(free(&memory), left, "{bytes}");
        }
        assert!(!memory.allow(None).cover_now(&mut Held::default(), 1));
        assert!(!form.cover(&mut held, (10 << 10) + 1).await);
        drop(held);
        assert_eq!(free(&memory), 10);
    }
}

#[tokio::test(start_paused = true)]
async fn two_forms_do_not_wait_for_each_other_for_ever() {
    let memory = UploadMemory::new(10 << 10, 10 << 10, PATIENCE);
    // Each has a part of the memory and needs more than is left.
    let grow = async |delay: u64| {
        let form = memory.allow(None);
        let mut held = Held::default();
        assert!(form.cover(&mut held, 5 << 10).await);
        tokio::time::sleep(Duration::from_millis(delay)).await;
        form.cover(&mut held, 8 << 10).await
    };
    let (first, second) = tokio::join!(grow(100), grow(200));
    assert_eq!(
        (first, second),
        (false, true),
        "the first gives up, and the second gets its memory"
    );
    assert_eq!(free(&memory), 10);
}

#[tokio::test(start_paused = true)]
async fn one_client_takes_no_more_than_its_share() {
    let memory = UploadMemory::new(12 << 10, 4 << 10, PATIENCE);
    let (greedy, other) = (memory.allow(Some(client(1))), memory.allow(Some(client(2))));
    let mut held = [Held::default(), Held::default(), Held::default()];
    assert!(greedy.cover(&mut held[0], 3 << 10).await);
    assert!(greedy.cover_now(&mut held[1], 1 << 10));
    // A photo that has arrived is still held when its form was read.
    drop(greedy);
    let greedy = memory.allow(Some(client(1)));
    // Its other forms wait for its own, and others do not wait with them.
    assert!(!greedy.cover_now(&mut held[2], 1));
    let second = memory.allow(Some(client(1)));
    let (more, (), taken) = tokio::join!(
        second.cover(&mut held[2], 1),
        async { assert!(greedy.is_wanted() && !other.is_wanted()) },
        async {
            let mut held = Held::default();
            other.cover(&mut held, 4 << 10).await
        }
    );
    assert!(!more && taken);
    assert!(!greedy.is_wanted());
    // To a form without a client, no share applies.
    let mut rest = Held::default();
    assert!(memory.allow(None).cover_now(&mut rest, 8 << 10));
    assert_eq!(free(&memory), 0);
    drop((held, rest));
    assert_eq!(free(&memory), 12);
}

#[tokio::test(start_paused = true)]
async fn the_memory_for_shares_is_bounded() {
    let memory = UploadMemory::new(12 << 10, 4 << 10, PATIENCE);
    for number in 0..=255 {
        let form = memory.allow(Some(client(number)));
        assert!(form.cover_now(&mut Held::default(), 1));
    }
    assert!(memory.shares.lock().unwrap().len() <= 1);
}

proptest! {
    /// Whatever forms of whatever clients take: no client has more than its share, and all of it is free at the end.
    #[test]
    fn shares_hold_whatever_is_taken(
        steps in proptest::collection::vec((0..3_u8, 0..6_usize, 0..6000_usize, any::<bool>()), 1..100),
    ) {
        let memory = UploadMemory::new(10 << 10, 4 << 10, PATIENCE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut forms: HashMap<(u8, usize), (Allowance, Held)> = HashMap::new();
            for (number, form, bytes, ends) in steps {
                // The client 0 has no limits.
                let of = (number > 0).then(|| client(number));
                let (allowance, held) = forms
                    .entry((number, form))
                    .or_insert_with(|| (memory.allow(of), Held::default()));
                let fits = allowance.cover_now(held, bytes);
                assert_eq!(allowance.cover(held, bytes).await, fits, "nobody gives memory back meanwhile");
                if ends {
                    forms.remove(&(number, form));
                }
                let units = |number: u8| -> usize {
                    let of_client = forms.iter().filter(|((client, _), _)| *client == number);
                    of_client.map(|(_, (_, held))| held.bytes.div_ceil(UNIT)).sum()
                };
                assert!(units(1) <= 4 && units(2) <= 4);
                assert_eq!(units(0) + units(1) + units(2) + free(&memory), 10);
            }
            drop(forms);
            assert_eq!(free(&memory), 10);
        });
    }
}
