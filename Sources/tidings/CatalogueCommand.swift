// `tidings catalogue`: what is synced, for people and for programs.

import ArgumentParser
import Domain
import Foundation
import SQLiteEngine
import Settings

struct CatalogueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "catalogue", abstract: "Guess an entity catalogue from a database; print one as types.",
        subcommands: [Guess.self, Types.self])

    struct Guess: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a commented catalogue of an SQLite file.",
            discussion: """
                The file is only read. Look the result over: what leaves the server is what is listed. \
                Tables that hooks cannot follow are named in comments, with the reason.
                """)

        @Argument(help: "The application's database.")
        var file: String
        @Option(name: .long, help: "The business of every table that has no column for it.")
        var business = "1"

        func run() throws {
            try Stores.complaining {
                guard FileManager.default.fileExists(atPath: file) else {
                    throw HooksCommand.NoFile(path: file)
                }
                let text = try CatalogueGuess(path: file, business: Key(parsing: business)).yaml()
                print(text, terminator: "")
            }
        }
    }

    struct Types: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the records of the configured catalogue as types of a language.",
            discussion: "With a database at hand, plain columns get the type they are declared with.")

        @Flag(name: .long, help: "TypeScript declarations.")
        var typescript = false
        @OptionGroup var source: ConfigurationOptions

        func validate() throws {
            guard typescript else { throw ValidationError("which language? --typescript") }
        }

        func run() throws {
            let stores = try Stores(source)
            try Stores.complaining {
                let declared = try DeclaredTypes(file: stores.file, catalogue: stores.catalogue)
                print(TypeScriptRecords(catalogue: stores.catalogue, declared: declared).text, terminator: "")
            }
        }
    }
}
