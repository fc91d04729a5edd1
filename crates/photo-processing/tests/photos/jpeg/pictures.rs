//! What the pictures of the tests show, and their quantisation.

use fastrand::Rng;

/// The samples of a component.
pub fn samples(width: u16, height: u16, random: &mut Rng) -> Vec<u8> {
    let kind = random.u8(0..5);
    let (base, across, down) = (random.u32(0..256), random.u32(0..9), random.u32(0..9));
    let (stripe, shade) = (random.u32(3..20), random.u8(..));
    let mut samples = Vec::with_capacity(usize::from(width) * usize::from(height));
    for y in 0..u32::from(height) {
        for x in 0..u32::from(width) {
            let slope = fold(base + x * across / 4 + y * down / 4);
            samples.push(match kind {
                0 if (x / stripe + y / (stripe + 3)) % 2 == 0 => shade,
                1 => slope.saturating_add(random.u8(0..60)),
                2 => random.u8(..),
                _ => slope,
            });
        }
    }
    samples
}

/// Up to 255, then down again.
fn fold(value: u32) -> u8 {
    let value = value % 512;
    u8::try_from(value.min(511 - value)).unwrap()
}

/// Steps from almost lossless to coarse; some need 16 bits.
pub fn quantisation(random: &mut Rng) -> [u16; 64] {
    let (least, growth) = *random.choice(&[(1, 0), (2, 1), (8, 3), (16, 12)]).unwrap();
    std::array::from_fn(|place| least + growth * u16::try_from(place).unwrap() / 2)
}
