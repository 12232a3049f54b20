//! `export` and `import`: the content of a volume as a tar archive.

mod cut_off;
mod files;
mod interrupted;
mod kinds;
mod leftovers;
mod members;
mod signals;
mod volumes;
