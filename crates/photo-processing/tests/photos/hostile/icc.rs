//! Colour profiles (ICC.1:2022).

/// A profile for this kind of pixels (such as `RGB `) with these tags: name, offset among the contents, and length.
pub fn profile(pixels: &[u8; 4], tags: &[(&[u8; 4], u32, u32)], contents: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 128];
    header[8] = 4;
    header[12..16].copy_from_slice(b"prtr");
    header[16..20].copy_from_slice(pixels);
    header[20..24].copy_from_slice(b"Lab ");
    header[36..40].copy_from_slice(b"acsp");
    // The light of D50.
    header[68..80].copy_from_slice(&[0, 0, 0xF6, 0xD6, 0, 1, 0, 0, 0, 0, 0xD3, 0x2D]);
    let count = u32::try_from(tags.len()).unwrap();
    header.extend(count.to_be_bytes());
    let start = 132 + 12 * count;
    for (name, offset, length) in tags {
        header.extend(*name);
        header.extend((start + offset).to_be_bytes());
        header.extend(length.to_be_bytes());
    }
    header.extend(contents);
    let size = u32::try_from(header.len()).unwrap();
    header[..4].copy_from_slice(&size.to_be_bytes());
    header
}

/// How the samples are changed before they are looked up in a table.
#[derive(Clone, Copy)]
pub enum Curves {
    Identity,
    /// Up and down again, which transforms cannot be simplified for.
    Waves,
}

/// A table from pixels of so many samples to Lab, with so many points for each sample (lut8Type).
fn table(inputs: u8, points: u8, curves: Curves) -> Vec<u8> {
    let mut table = b"mft1\0\0\0\0".to_vec();
    table.extend([inputs, 3, points, 0]);
    for index in 0..9 {
        let one = index % 4 == 0;
        table.extend([0, u8::from(one), 0, 0]);
    }
    let identity = |count: u8| (0..count).flat_map(|_| 0..=255_u8);
    match curves {
        Curves::Identity => table.extend(identity(inputs)),
        Curves::Waves => table.extend(identity(inputs).map(|sample| sample.wrapping_mul(5))),
    }
    let entries = usize::from(points).pow(inputs.into()) * 3;
    let mut random = fastrand::Rng::with_seed(3);
    table.extend((0..entries).map(|_| random.u8(..)));
    table.extend(identity(3));
    table
}

/// A profile with a table.
pub fn with_table(pixels: &[u8; 4], inputs: u8, points: u8, curves: Curves) -> Vec<u8> {
    let table = table(inputs, points, curves);
    let length = u32::try_from(table.len()).unwrap();
    profile(pixels, &[(b"A2B0", 0, length)], &table)
}

/// A table that is named as often as fits.
pub fn with_many_tags(pixels: &[u8; 4], inputs: u8, points: u8, tags: usize) -> Vec<u8> {
    let table = table(inputs, points, Curves::Identity);
    let length = u32::try_from(table.len()).unwrap();
    profile(pixels, &vec![(b"A2B0", 0, length); tags], &table)
}
