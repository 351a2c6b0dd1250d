// SPDX-License-Identifier: MIT OR Apache-2.0

//! Where a picture or other results go: a file that is written whole or not at all.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

use crate::paths;

/// What a new file may be used for, less what the user's mask takes away.
const PERMISSIONS: u32 = 0o666;

/// A file that can be written.
pub struct Destination {
    file: PathBuf,
}

impl Destination {
    /// Finds out whether a file can be written, before what goes there takes its time. Nothing is left of the attempt.
    pub fn of(file: &Path) -> Result<Self> {
        let file = match fs::metadata(file) {
            // A device, of all things, must not be replaced by a result.
            Ok(there) if !there.is_file() => None,
            // What a link points to is replaced, not the link.
            Ok(_) => Some(fs::canonicalize(file)?),
            Err(_) => file.file_name().map(|_| file.to_path_buf()),
        }
        .with_context(|| format!("cannot write {}: not a file", file.display()))?;
        let destination = Self { file };
        destination.temporary()?;
        Ok(destination)
    }

    /// Writes the file.
    pub fn write(&self, text: &str) -> Result<()> {
        let mut temporary = self.temporary()?;
        temporary.write_all(text.as_bytes()).with_context(|| self.cannot())?;
        temporary.persist(&self.file).map(drop).with_context(|| self.cannot())
    }

    /// Returns the file's name, for a reader.
    pub fn shown(&self) -> String {
        paths::shown(&self.file)
    }

    /// Makes a file beside the one to write: only within a file system a new file can take an old one's place.
    fn temporary(&self) -> Result<NamedTempFile> {
        let folder = self.file.parent().filter(|folder| !folder.as_os_str().is_empty());
        tempfile::Builder::new()
            .prefix(".quell-")
            .permissions(Permissions::from_mode(PERMISSIONS))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(|| self.cannot())
    }

    fn cannot(&self) -> String {
        format!("cannot write {}", self.file.display())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_written_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("stop.svg"), folder.path().join("link.svg"));
        let destination = Destination::of(&file).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        destination.write("one").unwrap();
        symlink("stop.svg", &link).unwrap();
        Destination::of(&link).unwrap().write("two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert!(link.is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_written_is_refused_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no/such/folder.svg");
        for file in [folder.path(), &missing, Path::new("/dev/null"), Path::new(""), Path::new("/")] {
            let error = Destination::of(file).err().unwrap().to_string();
            assert!(error.starts_with(&format!("cannot write {}", file.display())), "{error}");
        }
    }
}
