//! Reads the bytes that are appended to a file.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::files::open_regular;

/// A position in a file that grows. Each read returns only the bytes that were appended since the previous one.
///
/// A file that was truncated or replaced is read from its beginning.
#[derive(Debug)]
pub(crate) struct Tail {
    file: PathBuf,
    position: u64,
    /// The inode of the file that was read last.
    inode: Option<u64>,
}

impl Tail {
    /// Starts at the beginning of the file.
    pub(crate) fn from_start(file: PathBuf) -> Self {
        Self {
            file,
            position: 0,
            inode: None,
        }
    }

    /// Starts at the current end of the file, which does not have to exist yet.
    pub(crate) fn from_end(file: PathBuf) -> io::Result<Self> {
        let (position, inode) = match file.metadata() {
            Ok(metadata) => (metadata.len(), Some(metadata.ino())),
            Err(error) if error.kind() == ErrorKind::NotFound => (0, None),
            Err(error) => return Err(error),
        };
        Ok(Self { file, position, inode })
    }

    /// The file's path.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the appended bytes.
    pub(crate) fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut file = open_regular(File::options().read(true), &self.file)?;
        let metadata = file.metadata()?;
        let is_replaced = self.inode.is_some_and(|inode| inode != metadata.ino());
        if is_replaced || metadata.len() < self.position {
            self.position = 0;
        }
        self.inode = Some(metadata.ino());
        file.seek(SeekFrom::Start(self.position))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    /// Returns the appended lines that are complete. An unfinished line is returned once its end is written.
    pub(crate) fn read_lines(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = self.read()?;
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        self.position -= (bytes.len() - complete) as u64;
        bytes.truncate(complete);
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn append(file: &Path, text: &str) {
        let mut file = File::options().create(true).append(true).open(file).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn text(tail: &mut Tail) -> String {
        String::from_utf8(tail.read().unwrap()).unwrap()
    }

    #[test]
    fn only_appended_bytes_are_returned() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        let mut from_end = Tail::from_end(file.clone()).unwrap();
        append(&file, "one\n");
        let mut tail = Tail::from_start(file.clone());
        assert_eq!(text(&mut tail), "one\n");
        assert_eq!(text(&mut tail), "");
        append(&file, "two");
        assert_eq!(text(&mut tail), "two");
        assert_eq!(text(&mut from_end), "one\ntwo");
        assert_eq!(text(&mut Tail::from_end(file).unwrap()), "");
    }

    /// Reading starts at the position, so a change before it is not noticed.
    #[test]
    fn returned_bytes_are_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        append(&file, "one\n");
        let mut tail = Tail::from_start(file.clone());
        assert_eq!(text(&mut tail), "one\n");
        let mut opened = File::options().write(true).open(&file).unwrap();
        opened.write_all(b"ONE\ntwo\n").unwrap();
        assert_eq!(text(&mut tail), "two\n");
    }

    #[test]
    fn a_truncated_file_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        append(&file, "a long line\n");
        let mut tail = Tail::from_start(file.clone());
        assert_eq!(text(&mut tail), "a long line\n");
        fs::write(&file, "new\n").unwrap();
        assert_eq!(text(&mut tail), "new\n");
    }

    #[test]
    fn a_replaced_file_is_read_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        append(&file, "old\n");
        let mut tail = Tail::from_start(file.clone());
        assert_eq!(text(&mut tail), "old\n");
        fs::rename(&file, folder.path().join("log.old")).unwrap();
        append(&file, "longer than the old one\n");
        assert_eq!(text(&mut tail), "longer than the old one\n");
    }

    #[test]
    fn lines_are_returned_once_they_are_complete() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        append(&file, "one\ntw");
        let mut tail = Tail::from_start(file.clone());
        assert_eq!(tail.read_lines().unwrap(), ["one"]);
        assert_eq!(tail.read_lines().unwrap(), [""; 0]);
        append(&file, "o\n");
        assert_eq!(tail.read_lines().unwrap(), ["two"]);
    }
}
