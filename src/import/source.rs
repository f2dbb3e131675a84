//! Files and folders: finding, opening and cutting them into work. <https://hl7.org/fhir/R4/nd-json.html>

use std::fs;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use flate2::read::MultiGzDecoder;

use crate::fhir::json;
use crate::import::entry::Batch;
use crate::import::report::Refused;
use crate::import::report::Report;
use crate::import::waiting::Places;
use crate::import::waiting::Waiting;

/// Lines of an NDJSON file that are sent together; enough for the commit not to count, few enough to hold in memory.
const LINES: usize = 200;
/// What the files that are read are called.
const ENDINGS: [&str; 4] = [".json", ".json.gz", ".ndjson", ".ndjson.gz"];

/// A file to load.
pub struct Source {
    path: Arc<Path>,
    /// Its size on disk.
    pub bytes: u64,
}

/// A piece of a file, for one sender.
pub struct Work {
    file: Arc<Path>,
    content: Content,
    /// How much of the file on disk it is.
    pub bytes: u64,
    /// Which entries of it are meant, where not all.
    only: Option<Arc<Places>>,
}

enum Content {
    /// A whole file of JSON, read by whoever sends it.
    File,
    /// Lines with their numbers.
    Lines(Vec<(usize, Vec<u8>)>),
    /// What could not be read, and how much that is.
    Broken(String, u64),
}

/// From which end what waits is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As the files were read first.
    First,
    /// The last file first, and of each the last lines.
    Last,
}

impl End {
    /// From which end the next pass reads, where so much waited before the last pass and so much after it. Of a chain of which
    /// each waits for what stands further on, a pass brings the last piece alone; from the other end, and one piece after
    /// the other, it brings all.
    pub fn next(self, before: u64, left: u64) -> Self {
        let is_slow = left < before && left > before / 2;
        if self == End::First && is_slow { End::Last } else { End::First }
    }
}

/// The files that the paths name, those of a folder in the order of their names.
///
/// # Errors
/// A sentence that says which path cannot be read or has nothing to load.
pub fn files(paths: &[PathBuf]) -> Result<Vec<Source>, String> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        collect(path, &mut found).map_err(|cause| format!("{} cannot be read: {cause}.", path.display()))?;
        if found.len() == before {
            return Err(format!("{}: nothing to load; files end in {}.", path.display(), ENDINGS.join(", ")));
        }
    }
    Ok(found)
}

/// Cuts the files into work and hands out each piece.
pub fn read(files: &[Source], give: &mut dyn FnMut(Work)) {
    files.iter().for_each(|file| read_file(file, None, give));
}

/// The same of what waits, and of nothing else; no file counts once more.
pub fn read_again(waiting: Waiting, end: End, give: &mut dyn FnMut(Work)) {
    let mut files: Vec<_> = waiting.into_files().collect();
    if end == End::Last {
        files.reverse();
    }
    for (path, places) in files {
        if fs::metadata(&path).is_ok_and(|found| !found.is_file()) {
            let reason = "what refers by a search to something that comes later is read again, which a pipe cannot be: \
                          write it to a file and import that";
            let content = Content::Broken(reason.into(), places.many());
            give(Work { file: path, content, bytes: 0, only: None });
            continue;
        }
        // A compressed file has no other end.
        let is_cut = end == End::Last && name(&path).ends_with(".ndjson");
        match is_cut.then(|| starts(&path, &places)) {
            Some(Ok(starts)) => read_backwards(&path, &places, starts, give),
            Some(Err(_)) | None => read_file(&Source { path, bytes: 0 }, Some(Arc::new(places)), give),
        }
    }
}

fn read_file(file: &Source, only: Option<Arc<Places>>, give: &mut dyn FnMut(Work)) {
    let path = || Arc::clone(&file.path);
    if !name(&file.path).contains(".ndjson") {
        give(Work { file: path(), content: Content::File, bytes: file.bytes, only });
        return;
    }
    let (reached, done) = read_lines(file, only.as_deref(), give);
    // Where it breaks off behind all that waits in it, that was told when it was first read.
    let is_told = only.as_ref().is_some_and(|only| only.last() <= reached);
    if let Err(cause) = done
        && !is_told
    {
        let content = Content::Broken(format!("the file cannot be read to its end: {cause}"), 1);
        give(Work { file: path(), content, bytes: 0, only });
    }
}

/// The resources of a piece of work.
///
/// # Errors
/// Why the piece cannot be read at all.
pub fn entries(work: Work) -> Result<Batch, Report> {
    let refused =
        |reason: String| Report::refusal(Refused { file: Arc::clone(&work.file), place: None, reason });
    match work.content {
        Content::Broken(reason, many) => Err(Report { not_stored: many, ..refused(reason) }),
        Content::Lines(lines) => Ok(Batch::of_lines(&work.file, lines)),
        Content::File => {
            let mut bytes = Vec::new();
            let read = open(&work.file).and_then(|mut file| file.read_to_end(&mut bytes));
            read.map_err(|cause| refused(format!("the file cannot be read: {cause}")))?;
            let value = json::parse(&bytes).map_err(|failure| refused(failure.issues[0].text.clone()))?;
            let batch = Batch::of_file(&work.file, value).map_err(refused)?;
            Ok(Batch { only: work.only, ..batch })
        }
    }
}

fn collect(path: &Path, found: &mut Vec<Source>) -> io::Result<()> {
    let metadata = fs::metadata(path)?;
    if !metadata.is_dir() {
        if ENDINGS.iter().any(|ending| name(path).ends_with(ending)) {
            found.push(Source { path: path.into(), bytes: metadata.len() });
        }
        return Ok(());
    }
    let mut inner = fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    inner.sort();
    inner.iter().try_for_each(|path| collect(path, found))
}

/// Hands out the lines of a file, as far as it can be read: how many there are, and why there are no more.
fn read_lines(file: &Source, only: Option<&Places>, give: &mut dyn FnMut(Work)) -> (usize, io::Result<()>) {
    let mut reader = match open(&file.path) {
        Ok(file) => BufReader::new(file),
        Err(cause) => return (0, Err(cause)),
    };
    // How far into a compressed file a line is cannot be told; the last piece brings what is missing.
    let compression = if is_gzip(&file.path) { 16 } else { 1 };
    let (mut lines, mut number, mut read, mut given) = (Vec::new(), 0, 0, 0);
    loop {
        let mut line = Vec::new();
        let taken = reader.read_until(b'\n', &mut line);
        let ended = !matches!(taken, Ok(1..));
        if taken.is_err() {
            // What there is of a line that breaks off is none.
            line.clear();
        }
        read += line.len() as u64;
        number += 1;
        if !line.trim_ascii().is_empty() && only.is_none_or(|only| only.holds(number)) {
            lines.push((number, line));
        }
        if lines.len() == LINES || ended {
            let reached = if ended { file.bytes } else { (read / compression).min(file.bytes) };
            let content = Content::Lines(std::mem::take(&mut lines));
            // Whoever has only some lines has taken them out already.
            let bytes = reached.saturating_sub(given);
            give(Work { file: Arc::clone(&file.path), content, bytes, only: None });
            given = reached;
        }
        if ended {
            return (number - 1, taken.map(drop));
        }
    }
}

/// Where the pieces of the lines that wait begin: so many bytes and lines from the start of the file.
fn starts(path: &Path, only: &Places) -> io::Result<Vec<(u64, usize)>> {
    let mut reader = BufReader::new(File::open(path)?);
    let (mut starts, mut at, mut number, mut held) = (Vec::new(), 0, 0, 0);
    let mut line = Vec::new();
    loop {
        line.clear();
        let taken = reader.read_until(b'\n', &mut line)?;
        if taken == 0 {
            return Ok(starts);
        }
        if only.holds(number + 1) && !line.trim_ascii().is_empty() {
            if held % LINES == 0 {
                starts.push((at, number));
            }
            held += 1;
        }
        at += taken as u64;
        number += 1;
    }
}

/// Hands out the lines that wait, the last piece first.
fn read_backwards(path: &Arc<Path>, only: &Places, starts: Vec<(u64, usize)>, give: &mut dyn FnMut(Work)) {
    for start in starts.into_iter().rev() {
        let content = match piece(path, only, start) {
            Ok(lines) => Content::Lines(lines),
            Err(cause) => Content::Broken(format!("the file cannot be read again: {cause}"), 1),
        };
        give(Work { file: Arc::clone(path), content, bytes: 0, only: None });
    }
}

/// The lines of a piece, with their numbers.
fn piece(path: &Path, only: &Places, (at, mut number): (u64, usize)) -> io::Result<Vec<(usize, Vec<u8>)>> {
    let mut reader = BufReader::new(File::open(path)?);
    reader.seek(SeekFrom::Start(at))?;
    let mut lines = Vec::new();
    while lines.len() < LINES {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if only.holds(number) && !line.trim_ascii().is_empty() {
            lines.push((number, line));
        }
    }
    Ok(lines)
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(if is_gzip(path) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
}

fn is_gzip(path: &Path) -> bool {
    name(path).ends_with(".gz")
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_cut_alike_from_either_end() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.ndjson", "b.ndjson"].map(|name| Arc::<Path>::from(folder.path().join(name)));
        let mut waiting = Waiting::default();
        for path in &paths {
            let lines: Vec<_> =
                (1..=1_000).map(|n| if n % 7 == 0 { "".into() } else { format!("{n}") }).collect();
            fs::write(path, lines.join("\n")).unwrap();
            (1..=1_000).filter(|n| n % 2 == 0 || *n > 900).for_each(|n| waiting.add(path, n));
        }
        let pieces = |end: End| {
            let mut pieces = Vec::new();
            read_again(waiting.clone(), end, &mut |work| {
                let Content::Lines(lines) = work.content else { panic!("lines") };
                assert!(lines.iter().all(|(n, line)| line.trim_ascii() == n.to_string().as_bytes()));
                let numbers: Vec<usize> = lines.into_iter().map(|(n, _)| n).collect();
                pieces.extend((!numbers.is_empty()).then_some((work.file, numbers)));
            });
            pieces
        };
        let (forwards, mut backwards) = (pieces(End::First), pieces(End::Last));
        assert_eq!(
            forwards.iter().map(|(_, numbers)| numbers.len()).collect::<Vec<_>>(),
            [200, 200, 72, 200, 200, 72]
        );
        assert_eq!(backwards.first().map(|(file, _)| file), Some(&paths[1]));
        backwards.reverse();
        assert_eq!(forwards, backwards);
    }
}
