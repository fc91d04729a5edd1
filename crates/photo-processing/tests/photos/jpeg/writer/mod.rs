//! A JPEG encoder for tests. It writes all that the standard (ITU-T T.81) allows in 8-bit Huffman-coded files, far more
//! than common encoders do.

mod blocks;
mod huffman;
mod scan;

use std::collections::BTreeMap;

pub use huffman::Huffman;
use huffman::Table;

/// A picture, and how it is to be written.
#[derive(Debug, Clone)]
pub struct Jpeg {
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
    /// The marker of the frame: `0xC0` baseline, `0xC1` extended, `0xC2` progressive.
    pub frame: u8,
    pub huffman: Huffman,
    pub scans: Vec<Scan>,
    pub tables: Tables,
    /// Segments after the start of the picture: metadata, comments.
    pub head: Vec<Segment>,
}

#[derive(Debug, Clone)]
pub struct Component {
    pub id: u8,
    /// Sampling factors.
    pub across: u8,
    pub down: u8,
    /// The steps of the quantisation, in zigzag order. Steps over 255 need a 16-bit table.
    pub quantisation: [u16; 64],
    /// A sample for each pixel of the picture; the encoder takes means of them if the component has fewer.
    pub samples: Vec<u8>,
}

/// A scan: a band of coefficients of some components. In a sequential frame it has all of them.
#[derive(Debug, Clone)]
pub struct Scan {
    pub components: Vec<usize>,
    pub first: u8,
    pub last: u8,
    /// The lowest bit that previous scans have sent, 0 for the first.
    pub high: u8,
    /// The lowest bit that this scan sends.
    pub low: u8,
    /// How many MCUs there are between restart markers; 0 for no such markers.
    pub restart: u16,
}

/// How tables are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    /// Each in a segment of its own.
    Apart,
    /// Those of one kind share a segment.
    Together,
    /// As `Apart`, but all components use quantisation table 0, which is defined again before each scan. This works for
    /// scans of one component.
    Redefined,
}

/// A marker, with what follows it up to the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    pub marker: u8,
    /// `None` for a marker that stands alone.
    pub payload: Option<Vec<u8>>,
    /// Entropy-coded data, with its restart markers.
    pub data: Vec<u8>,
}

impl Segment {
    pub fn new(marker: u8, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            marker,
            payload: Some(payload.into()),
            data: Vec::new(),
        }
    }

    pub fn alone(marker: u8) -> Self {
        Self {
            marker,
            payload: None,
            data: Vec::new(),
        }
    }

    /// The Adobe segment with this colour transform: 0 for none, 1 for YCbCr, 2 for YCCK.
    pub fn adobe(transform: u8) -> Self {
        Self::new(0xEE, [b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat())
    }

    pub fn jfif() -> Self {
        Self::new(0xE0, *b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0")
    }

    /// EXIF data with nothing but an orientation.
    pub fn exif(orientation: u8) -> Self {
        let tiff = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0";
        Self::new(0xE1, [tiff.as_slice(), &[orientation], &[0; 6]].concat())
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0xFF, self.marker];
        if let Some(payload) = &self.payload {
            bytes.extend(u16::try_from(payload.len() + 2).unwrap().to_be_bytes());
            bytes.extend(payload);
        }
        bytes.extend(&self.data);
        bytes
    }
}

/// The file that consists of these segments.
pub fn file(segments: &[Segment]) -> Vec<u8> {
    segments.iter().flat_map(Segment::bytes).collect()
}

impl Jpeg {
    pub fn file(&self) -> Vec<u8> {
        file(&self.segments())
    }

    /// The whole file in parts, so that a test may change, add or leave out some.
    pub fn segments(&self) -> Vec<Segment> {
        let mut segments = vec![Segment::alone(0xD8)];
        segments.extend(self.head.iter().cloned());
        if self.tables != Tables::Redefined {
            segments.extend(self.joined(0xDB, self.quantisation_tables()));
        }
        segments.push(self.frame());
        let standard = BTreeMap::from([(0, Table::standard(false)), (0x10, Table::standard(true))]);
        if self.huffman == Huffman::Standard {
            segments.extend(self.joined(0xC4, huffman_tables(&standard)));
        }
        let components: Vec<_> = self
            .components
            .iter()
            .map(|component| blocks::blocks(self, component))
            .collect();
        let mut restart = 0;
        for scan in &self.scans {
            if self.tables == Tables::Redefined {
                let steps = &self.components[scan.components[0]].quantisation;
                segments.push(Segment::new(0xDB, quantisation_table(0, steps)));
            }
            if scan.restart != restart {
                restart = scan.restart;
                segments.push(Segment::new(0xDD, restart.to_be_bytes()));
            }
            let selectors = self.selectors(scan);
            let tokens = scan::tokens(scan, self.frame == 0xC2, &components, blocks::mcus(self), &selectors);
            let tables = match self.huffman {
                Huffman::Standard => standard.clone(),
                Huffman::Optimal => own_tables(&tokens, Table::optimal),
                Huffman::Long => own_tables(&tokens, Table::long),
            };
            if self.huffman != Huffman::Standard {
                segments.extend(self.joined(0xC4, huffman_tables(&tables)));
            }
            let mut segment = self.scan_header(scan, &selectors);
            segment.data = scan::data(&tokens, &tables);
            segments.push(segment);
        }
        segments.push(Segment::alone(0xD9));
        segments
    }

    fn largest_factors(&self) -> (usize, usize) {
        let largest = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max().unwrap().into();
        (
            largest(|component| component.across),
            largest(|component| component.down),
        )
    }

    /// These tables in one segment or in one each.
    fn joined(&self, marker: u8, tables: Vec<Vec<u8>>) -> Vec<Segment> {
        match self.tables {
            Tables::Together if !tables.is_empty() => vec![Segment::new(marker, tables.concat())],
            _ => tables.into_iter().map(|table| Segment::new(marker, table)).collect(),
        }
    }

    fn quantisation_tables(&self) -> Vec<Vec<u8>> {
        let tables = (0..).zip(&self.components);
        tables
            .map(|(number, component)| quantisation_table(number, &component.quantisation))
            .collect()
    }

    fn frame(&self) -> Segment {
        let mut payload = vec![8];
        payload.extend(self.height.to_be_bytes());
        payload.extend(self.width.to_be_bytes());
        payload.push(u8::try_from(self.components.len()).unwrap());
        for (number, component) in (0..).zip(&self.components) {
            let table = if self.tables == Tables::Redefined { 0 } else { number };
            payload.extend([component.id, component.across << 4 | component.down, table]);
        }
        Segment::new(self.frame, payload)
    }

    /// The numbers of the Huffman tables of the components of this scan. The baseline has only two.
    fn selectors(&self, scan: &Scan) -> Vec<u8> {
        let most = match (self.huffman, self.frame) {
            (Huffman::Standard, _) => 0,
            (_, 0xC0) => 1,
            _ => 3,
        };
        let numbers = scan
            .components
            .iter()
            .map(|&component| u8::try_from(component).unwrap());
        numbers.map(|number| number.min(most)).collect()
    }

    fn scan_header(&self, scan: &Scan, selectors: &[u8]) -> Segment {
        let mut payload = vec![u8::try_from(scan.components.len()).unwrap()];
        for (&component, selector) in std::iter::zip(&scan.components, selectors) {
            payload.extend([self.components[component].id, selector << 4 | selector]);
        }
        payload.extend([scan.first, scan.last, scan.high << 4 | scan.low]);
        Segment::new(0xDA, payload)
    }
}

fn quantisation_table(number: u8, steps: &[u16; 64]) -> Vec<u8> {
    if steps.iter().any(|&step| step > 255) {
        let steps = steps.iter().flat_map(|step| step.to_be_bytes());
        [0x10 | number].into_iter().chain(steps).collect()
    } else {
        let steps = steps.iter().map(|&step| u8::try_from(step).unwrap());
        [number].into_iter().chain(steps).collect()
    }
}

fn own_tables(tokens: &[scan::Token], table: fn(&[u64; 256]) -> Table) -> BTreeMap<u8, Table> {
    let frequencies = scan::frequencies(tokens).into_iter();
    frequencies
        .map(|(number, frequencies)| (number, table(&frequencies)))
        .collect()
}

fn huffman_tables(tables: &BTreeMap<u8, Table>) -> Vec<Vec<u8>> {
    tables
        .iter()
        .map(|(&number, table)| [vec![number], table.payload()].concat())
        .collect()
}
