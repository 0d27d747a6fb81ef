//! Where a program's pages go: under the root once links are resolved, and never into what git or the store keep.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Places;
use super::locate::LEAVES;
use crate::words::in_words;

/// Folders that are not a program's to write into, wherever they stand below the root.
const KEPT: [&str; 2] = [".git", ".mascot"];

/// The file that a program means by `path`, in a folder whose links are resolved. Looks, and makes nothing.
///
/// # Errors
/// In words, when it lies outside the root and what a call granted, or where it has no business.
pub fn destination(path: &str, places: &Places) -> Result<PathBuf, String> {
    let root =
        fs::canonicalize(&places.root).map_err(|why| format!("{}: {}", places.root.display(), in_words(&why)))?;
    let place = resolved(&root, Path::new(path))?;
    let grants = places.written.iter().filter_map(|grant| resolved(&root, grant).ok());
    let below = |folder: &PathBuf| place.strip_prefix(folder).ok().map(Path::to_owned);
    let inside = std::iter::once(root.clone()).chain(grants).find_map(|folder| below(&folder));
    let Some(inside) = inside else { return Err(LEAVES.to_owned()) };
    let kept = |part: Component<'_>| KEPT.iter().any(|kept| part.as_os_str().eq_ignore_ascii_case(kept));
    // A store that a call names is named from its own folder.
    let store = fs::canonicalize(&places.store).ok().or_else(|| resolved(&root, &places.store).ok());
    if inside.components().any(kept) || store.is_some_and(|store| place.starts_with(store)) {
        return Err("is kept by git or by the store".to_owned());
    }
    if place.is_dir() {
        return Err("is a folder".to_owned());
    }
    Ok(place)
}

/// `path` from `root` on, with the links of its folders resolved as far as they are there. A link in the last place stays: writing
/// replaces it, and not what it leads to.
fn resolved(root: &Path, path: &Path) -> Result<PathBuf, String> {
    let mut at = root.to_owned();
    let mut parts = path.components().peekable();
    while let Some(part) = parts.next() {
        match part {
            Component::Prefix(_) | Component::RootDir => at.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                at.pop();
            }
            Component::Normal(name) => {
                at.push(name);
                if parts.peek().is_some() && fs::symlink_metadata(&at).is_ok() {
                    at = fs::canonicalize(&at).map_err(|why| format!("{}: {}", at.display(), in_words(&why)))?;
                }
            }
        }
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_stays_under_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(folder.path().join("out")).unwrap();
        let mut places = Places { root: root.clone(), store: root.join("kept/store"), ..Places::default() };
        let to = |path: &str, places: &Places| destination(path, places);
        let real = fs::canonicalize(&root).unwrap();
        assert_eq!(to("page.html", &places), Ok(real.join("page.html")));
        assert_eq!(to("new/folder/page.html", &places), Ok(real.join("new/folder/page.html")));
        assert_eq!(to("sub/../page.html", &places), Ok(real.join("page.html")));
        let outside = folder.path().join("out/page.html").display().to_string();
        for path in ["../page.html", "sub/../../page.html", "new/../../page.html", &outside] {
            assert_eq!(to(path, &places).unwrap_err(), LEAVES, "{path}");
        }
        for path in
            [".git/hooks/pre-commit.html", "sub/.GIT/a.html", ".mascot/runs/a.html", "kept/store/objects/a.html"]
        {
            assert_eq!(to(path, &places).unwrap_err(), "is kept by git or by the store", "{path}");
        }
        assert_eq!(to("sub", &places).unwrap_err(), "is a folder");
        // What a call names is granted by that.
        places.written = vec![folder.path().join("out")];
        assert!(to(&outside, &places).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_is_a_link_is_where_it_leads() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        fs::create_dir_all(root.join(".git/hooks")).unwrap();
        fs::create_dir_all(root.join("sub")).unwrap();
        fs::create_dir_all(folder.path().join("out")).unwrap();
        symlink(folder.path().join("out"), root.join("sub/dir")).unwrap();
        symlink(root.join(".git/hooks"), root.join("hooks")).unwrap();
        symlink(root.join("sub"), root.join("other")).unwrap();
        symlink(root.join("nowhere"), root.join("dangling")).unwrap();
        let mut places = Places { root: root.clone(), store: root.join(".mascot"), ..Places::default() };
        assert_eq!(destination("sub/dir/page.html", &places).unwrap_err(), LEAVES);
        assert_eq!(destination("hooks/page.html", &places).unwrap_err(), "is kept by git or by the store");
        assert!(destination("other/page.html", &places).is_ok(), "a link that stays inside");
        assert!(destination("dangling/page.html", &places).is_err());
        places.written = vec![folder.path().join("out")];
        assert!(destination("sub/dir/page.html", &places).is_ok());
    }
}
