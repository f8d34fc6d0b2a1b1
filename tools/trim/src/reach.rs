//! Which functions a module still needs when some of its exports are gone.
//!
//! The roots are the exports that stay, the start function, and all that tables and globals hold: which of those an
//! indirect call takes cannot be told. From there on, whatever a needed body mentions is needed.

use std::collections::BTreeSet;
use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode};
use wasm_encoder::{CodeSection, ExportSection, Module};
use wasmparser::{CodeSectionReader, CustomSectionReader, Export, ExternalKind, FunctionBody, Parser};

type Outcome<T> = Result<T, Error<Infallible>>;

/// The indices, imports included, of the functions that are needed when only the exports that `keeps` names stay.
pub fn needed(module: &[u8], keeps: &dyn Fn(&str) -> bool) -> Result<BTreeSet<u32>, String> {
    let mut walk = Walk { keeps, mentioned: BTreeSet::new(), bodies: Vec::new(), imports: 0 };
    // Encodes the module once, into nothing, and notes what is mentioned outside of bodies.
    let walked = walk.parse_core_module(&mut Module::new(), Parser::new(0), module);
    walked.map_err(|error| error.to_string())?;
    Ok(closure(&walk.mentioned, &walk.bodies, walk.imports))
}

fn closure(roots: &BTreeSet<u32>, bodies: &[BTreeSet<u32>], imports: u32) -> BTreeSet<u32> {
    let mut needed = BTreeSet::new();
    let mut open: Vec<u32> = roots.iter().copied().collect();
    while let Some(function) = open.pop() {
        if needed.insert(function) {
            let body = function.checked_sub(imports).and_then(|index| bodies.get(usize::try_from(index).ok()?));
            open.extend(body.into_iter().flatten());
        }
    }
    needed
}

struct Walk<'a> {
    keeps: &'a dyn Fn(&str) -> bool,
    /// What was mentioned since the last look.
    mentioned: BTreeSet<u32>,
    /// What each body mentions.
    bodies: Vec<BTreeSet<u32>>,
    imports: u32,
}

impl Reencode for Walk<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Outcome<u32> {
        self.mentioned.insert(function);
        Ok(function)
    }

    fn parse_import_section(
        &mut self,
        _: &mut wasm_encoder::ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Outcome<()> {
        for import in section.into_imports() {
            self.imports += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
        }
        Ok(())
    }

    fn parse_export(&mut self, _: &mut ExportSection, export: Export<'_>) -> Outcome<()> {
        if export.kind == ExternalKind::Func && (self.keeps)(export.name) {
            self.mentioned.insert(export.index);
        }
        Ok(())
    }

    /// The section of names mentions every function.
    fn parse_custom_section(&mut self, _: &mut Module, _: CustomSectionReader<'_>) -> Outcome<()> {
        Ok(())
    }

    fn parse_code_section(&mut self, _: &mut CodeSection, section: CodeSectionReader<'_>) -> Outcome<()> {
        let roots = std::mem::take(&mut self.mentioned);
        for body in section {
            self.parse_function_body(&mut CodeSection::new(), body?)?;
        }
        self.mentioned.extend(roots);
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Outcome<()> {
        wasm_encoder::reencode::utils::parse_function_body(self, code, body)?;
        self.bodies.push(std::mem::take(&mut self.mentioned));
        Ok(())
    }
}
