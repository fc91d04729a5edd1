//! Lists of scans that send a whole picture.

use fastrand::Rng;

use super::writer::Scan;

/// A sequential scan.
fn whole(components: &[usize]) -> Scan {
    Scan {
        components: components.to_vec(),
        first: 0,
        last: 63,
        high: 0,
        low: 0,
        restart: 0,
    }
}

/// A progressive scan.
fn band(components: &[usize], first: u8, last: u8, high: u8, low: u8) -> Scan {
    Scan {
        components: components.to_vec(),
        first,
        last,
        high,
        low,
        restart: 0,
    }
}

/// Each way to group and order the components of a sequential picture that a test should try.
pub fn sequential(components: usize) -> Vec<(&'static str, Vec<Scan>)> {
    let groups: &[(&str, &[&[usize]])] = match components {
        1 => &[("whole", &[&[0]])],
        3 => &[
            ("interleaved", &[&[0, 1, 2]]),
            ("Y, Cb, Cr", &[&[0], &[1], &[2]]),
            ("Cr, Cb, Y", &[&[2], &[1], &[0]]),
            ("Y, CbCr", &[&[0], &[1, 2]]),
            ("CbCr, Y", &[&[1, 2], &[0]]),
            ("YCb, Cr", &[&[0, 1], &[2]]),
            ("YCr, Cb", &[&[0, 2], &[1]]),
        ],
        4 => &[
            ("interleaved", &[&[0, 1, 2, 3]]),
            ("alone", &[&[3], &[0], &[1], &[2]]),
            ("pairs", &[&[0, 3], &[1, 2]]),
            ("black first", &[&[3], &[0, 1, 2]]),
        ],
        _ => unreachable!("no such picture"),
    };
    let scans = |groups: &[&[usize]]| groups.iter().map(|group| whole(group)).collect();
    groups.iter().map(|&(name, groups)| (name, scans(groups))).collect()
}

/// Progressive scripts: those of common encoders, each feature alone, and random ones.
pub fn progressive(components: usize, random: &mut Rng) -> Vec<(&'static str, Vec<Scan>)> {
    let all: Vec<usize> = (0..components).collect();
    let each =
        |first, last, high, low| (0..components).map(move |component| band(&[component], first, last, high, low));
    let selection = [band(&all, 0, 0, 0, 0)].into_iter();
    let selection = selection.chain(each(1, 5, 0, 0)).chain(each(6, 63, 0, 0)).collect();
    let refined = [band(&all, 0, 0, 0, 1)].into_iter();
    let refined = refined
        .chain(each(1, 5, 0, 2))
        .chain(each(6, 63, 0, 2))
        .chain(each(1, 63, 2, 1));
    let refined = refined
        .chain([band(&all, 0, 0, 1, 0)])
        .chain(each(1, 63, 1, 0))
        .collect();
    let deep = each(0, 0, 0, 4)
        .chain(each(1, 63, 0, 4))
        .chain((0..4).rev().flat_map(|low| {
            let dc = (0..components).map(move |component| band(&[component], 0, 0, low + 1, low));
            dc.chain(
                (0..components)
                    .rev()
                    .map(move |component| band(&[component], 1, 63, low + 1, low)),
            )
        }));
    let single = [band(&all, 0, 0, 0, 0)].into_iter();
    let single = single
        .chain((1..64).rev().flat_map(|place| each(place, place, 0, 0)))
        .collect();
    vec![
        ("spectral selection", selection),
        ("refined", refined),
        ("five bits deep", deep.collect()),
        ("a scan for each frequency", single),
        ("random", shuffled(components, random)),
        ("random again", shuffled(components, random)),
    ]
}

/// A random script that sends everything, the DC values of a component first: at each step a random band of one
/// component, or the DC values of several, goes one step further. A band only goes further as a whole.
fn shuffled(components: usize, random: &mut Rng) -> Vec<Scan> {
    // The lowest bit that has been sent of each coefficient; 14 before the first scan.
    const NOTHING: u8 = 14;
    let mut sent = vec![[NOTHING; 64]; components];
    let mut scans = Vec::new();
    let next = |high: u8, random: &mut Rng| if high == NOTHING { random.u8(0..4) } else { high - 1 };
    let done = |of: &[u8; 64]| of.iter().all(|&low| low == 0);
    while !sent.iter().all(done) {
        let component = random.usize(0..components);
        let high = sent[component][0];
        let high_of = |high: u8| if high == NOTHING { 0 } else { high };
        if high == NOTHING || (high > 0 && random.bool()) {
            // Those of the others that are as far may come along.
            let also = |&other: &usize| other == component || (sent[other][0] == high && random.bool());
            let group: Vec<usize> = (0..components).filter(also).collect();
            let low = next(high, random);
            for &component in &group {
                sent[component][0] = low;
            }
            scans.push(band(&group, 0, 0, high_of(high), low));
            continue;
        }
        let open: Vec<usize> = (1..64).filter(|&place| sent[component][place] > 0).collect();
        if open.is_empty() {
            continue;
        }
        // Mostly the lowest, so that the scans do not become too many.
        let first = if random.u8(0..4) > 0 {
            open[0]
        } else {
            *random.choice(&open).unwrap()
        };
        let high = sent[component][first];
        let alike = (first..64).take_while(|&place| sent[component][place] == high).count();
        let count = if random.u8(0..3) > 0 {
            alike
        } else {
            random.usize(1..=alike)
        };
        let low = next(high, random);
        sent[component][first..first + count].fill(low);
        let [first, last] = [first, first + count - 1].map(|place| u8::try_from(place).unwrap());
        scans.push(band(&[component], first, last, high_of(high), low));
    }
    scans
}
