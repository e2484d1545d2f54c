//! Folders of instances, and many of them at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use super::check::check;
use super::figures::Figures;
use super::instance::{FILES, Instance};
use super::replay::{Policy, replay};
use super::{Delivery, report};

/// A folder with an instance, named by its way from the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub path: PathBuf,
    pub name: String,
}

/// Every folder in a tree that has the files of an instance, in the order of their paths.
pub fn instances_in(root: &Path) -> Result<Vec<Found>, String> {
    let mut found: Vec<Found> = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(folder) = open.pop() {
        if folder.join(FILES[0]).is_file() {
            let name = name_of(root, &folder);
            found.push(Found { path: folder, name });
            continue;
        }
        let entries =
            fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry
                .map_err(|error| format!("{}: {error}", folder.display()))?
                .path();
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    if found.is_empty() {
        return Err(format!("{}: there is no instance in it", root.display()));
    }
    found.sort();
    Ok(found)
}

fn name_of(root: &Path, folder: &Path) -> String {
    let below = folder.strip_prefix(root).unwrap_or(folder);
    let names: Vec<_> = below
        .iter()
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    if !names.is_empty() {
        return names.join("-");
    }
    let whole = folder
        .canonicalize()
        .unwrap_or_else(|_| folder.to_path_buf());
    whole.file_name().map_or_else(
        || "instance".into(),
        |name| name.to_string_lossy().into_owned(),
    )
}

/// A day that was replayed.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub name: String,
    pub orders: usize,
    pub figures: Figures,
    /// What is against the rules; a right policy leaves this empty.
    pub wrong: Vec<String>,
}

pub fn play(instance: &Instance, policy: &Policy) -> (Outcome, Vec<Delivery>) {
    let deliveries = replay(instance, policy);
    let outcome = Outcome {
        name: instance.name.clone(),
        orders: instance.orders.len(),
        figures: Figures::of(instance, &deliveries),
        wrong: check(instance, &deliveries),
    };
    (outcome, deliveries)
}

/// Plays all folders, as many at once as there are processors. The outcomes come in the
/// order of the folders, whichever was done first.
pub fn play_all(
    folders: &[Found],
    policy: &Policy,
    out: Option<&Path>,
    mut done: impl FnMut(usize),
) -> Result<Vec<Outcome>, String> {
    let names: BTreeSet<&str> = folders.iter().map(|found| found.name.as_str()).collect();
    if out.is_some() && names.len() < folders.len() {
        return Err("two instances of the same name would be written to one file".into());
    }
    let next = AtomicUsize::new(0);
    let (send, receive) = mpsc::channel();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads.min(folders.len()) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(folder) = folders.get(index) else {
                        return;
                    };
                    if send
                        .send((index, play_folder(folder, policy, out)))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(send);
        let mut outcomes: Vec<Option<Outcome>> = vec![None; folders.len()];
        for (count, (index, outcome)) in receive.iter().enumerate() {
            outcomes[index] = Some(outcome?);
            done(count + 1);
        }
        Ok(outcomes.into_iter().flatten().collect())
    })
}

fn play_folder(found: &Found, policy: &Policy, out: Option<&Path>) -> Result<Outcome, String> {
    let instance = Instance::read(&found.path, &found.name)?;
    let (outcome, deliveries) = play(&instance, policy);
    if let Some(out) = out {
        let path = out.join(format!("{}.txt", instance.name));
        fs::create_dir_all(out)
            .and_then(|()| fs::write(&path, report::assignments(&instance, &deliveries)))
            .map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(outcome)
}
