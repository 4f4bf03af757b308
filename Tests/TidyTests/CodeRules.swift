// The rules for Swift files.

extension Rule {
    static let code: [Rule] = [
        opensWithProse, lineLength, outsideImports, uncheckedSendable, classesSayWhereTheyLive, typeNames,
        noTraps, onlyCommandsPrint, childrenKeepNothing, whoWaitsSaysSo, functionLength, fileLength,
    ]

    /// What it is for, who owns it, what always holds: before the imports.
    private static let opensWithProse = Rule(
        "a file opens with prose", bad: "import Lanes\n", good: "// Why this is here.\n\nimport Lanes\n"
    ) { file in
        guard file.isSwift, let first = file.lines.first, !first.hasPrefix("// ") else { return [] }
        return [file.finding(0, "the first line is not prose")]
    }

    private static let lineLength = Rule(
        "no line is longer than 110", bad: "// " + String(repeating: "x", count: 108),
        good: "// " + String(repeating: "x", count: 107) + "\nlet a = \"\"\"\n"
            + String(repeating: "y", count: 200) + "\n\"\"\""
    ) { file in
        guard file.isSwift else { return [] }
        return file.lines.indices.compactMap { index in
            guard file.lines[index].utf8.count > 110, file.lines[index].count > 110, !file.isData[index]
            else {
                return nil
            }
            // A string that has a line to itself is data too.
            let bare = file.code[index].filter { $0 != " " }
            return bare.hasPrefix("\"") ? nil : file.finding(index, "\(file.lines[index].count) columns")
        }
    }

    /// Which targets may import what is not ours. What they may import of each other is in Package.swift, and
    /// `scripts/build` holds it.
    private static let outside: [String: Set<String>] = [
        "CLibevent": ["Events"],
        "CLinux": ["Lanes", "Events", "SQLiteEngine", "Gateway"],
        "CSQLite": ["SQLiteEngine", "Registry"],
        "GRDB": ["SQLiteEngine", "Registry", "tidings"],
        "GRDBSQLite": ["SQLiteEngine"],
        "Crypto": ["Registry", "Gateway"],
        "Yams": ["Settings"],
        "ArgumentParser": ["tidings"],
        "Logging": ["Gateway", "tidings"],
        "HTTPTypes": ["HTTP", "Gateway"],
        "DequeModule": ["FanOut", "Gateway"],
        // SQLiteEngine: time zones.
        "Foundation": ["SQLiteEngine", "Settings", "Registry", "Gateway", "tidings", "TidingsTesting"],
        "FoundationEssentials": ["Settings", "Registry", "Gateway", "tidings", "TidingsTesting"],
        "Glibc": [
            "Lanes", "Events", "SQLiteEngine", "Settings", "Registry", "Gateway", "TidingsTesting", "tidings",
        ],
        "Synchronization": [
            "Telemetry", "Lanes", "Events", "Journal", "SQLiteEngine", "FanOut", "Registry", "Gateway",
            "TidingsTesting",
        ],
    ]

    private static let outsideImports = Rule(
        "a target imports from outside only what it may", bad: "// .\nimport Foundation\n",
        good: "// .\nimport Lanes\n"
    ) { file in
        guard file.path.hasPrefix("Sources/"), let target = file.target else { return [] }
        return file.code.enumerated().compactMap { index, line in
            guard line.contains("import"),
                let match = line.firstMatch(of: /^\s*(?:[a-z@]+ )*import (?:struct |class |func )?(\w+)/),
                let allowed = outside[String(match.1)], !allowed.contains(target)
            else { return nil }
            return file.finding(index, "\(target) may not import \(match.1)")
        }
    }

    private static let trustedFiles = [
        "Sources/Lanes/Confined.swift", "Sources/Lanes/WorkerLane.swift", "Sources/Events/EventLoop.swift",
    ]

    private static let uncheckedSendable = Rule(
        "the compiler's promise about threads is set aside in the three trusted files only",
        bad: "// .\nfinal class A: @unchecked Sendable {}\n", good: "// @unchecked Sendable is not needed.\n"
    ) { file in
        guard file.isSwift, !trustedFiles.contains(file.path) else { return [] }
        return file.findings(
            of: /[@]unchecked Sendable|nonisolated[(]unsafe|[@]preconcurrency/,
            hints: ["@", "nonisolated("], in: file.code,
            "only in \(trustedFiles.joined(separator: ", "))")
    }

    private static let classesSayWhereTheyLive = Rule(
        "a class says where it lives", bad: "// .\n/// A tail.\nfinal class Tail {}\n",
        good: "// .\n/// A tail. Lives on its shard's lane.\n@safe final class Tail {}\n"
    ) { file in
        guard file.isSwift, !file.path.hasPrefix("Tests/") else { return [] }
        return file.code.enumerated().compactMap { index, line in
            guard line.contains("class "),
                line.contains(/^\s*(?:@\w+ )*(?:(?:public|private|fileprivate|final|open) )*class \w+/)
            else { return nil }
            let words = file.documentation(above: index).lowercased()
            let says = ["lives on", "lives with", "live on", "immutable", "from any lane"]
            return says.contains(where: words.contains)
                ? nil : file.finding(index, "say 'Lives on …', 'Immutable' or 'From any lane' above it")
        }
    }

    private static let typeNames = Rule(
        "no type is called by what everything is", bad: "// .\nstruct StreamManager {}\n",
        good: "// .\nstruct Handlers {}\nstruct ManagerOfShop {}\n"
    ) { file in
        guard file.isSwift else { return [] }
        return file.findings(
            of: /\b(?:struct|class|enum|protocol|actor) \w*(?:Manager|Helper|Utils?|Handler|Connection)\b/,
            hints: ["Manager", "Helper", "Util", "Handler", "Connection"], in: file.code,
            "a name that says nothing")
    }

    private static let noTraps = Rule(
        "a bug traps with a reason, the world throws", bad: "// .\nfunc a() { fatalError() }\n",
        good: "// .\nfunc a() { preconditionFailure(\"fatalError() is not used\") }\n"
    ) { file in
        guard file.isSwift else { return [] }
        return file.findings(
            of: /\bfatalError\(|\btry!|\bas! |\bassertionFailure\(/,
            hints: ["fatalError", "!", "assertionFailure"], in: file.code, "traps without a choice")
    }

    private static let onlyCommandsPrint = Rule(
        "only commands print", bad: "// .\nfunc a() { print(1) }\n",
        good: "// .\nfunc a() { Output.print(1) }\n"
    ) { file in
        guard file.path.hasPrefix("Sources/"), file.target != "tidings" else { return [] }
        return file.findings(
            of: /(?:^|[^.\w])(?:debugP|p)rint\(/, hints: ["rint("], in: file.code,
            "a library has no voice of its own")
    }

    /// Programs.swift says why. A bench starts its programs on one thread.
    private static let childrenKeepNothing = Rule(
        "tests make pipes and start programs one at a time", path: "Tests/DomainTests/Example.swift",
        bad: "// .\nlet output = Pipe()\n",
        good: "// .\nlet output = Pipe.unshared()\ntry process.start()\n"
    ) { file in
        guard file.isSwift, file.path.hasPrefix("Tests/"), file.target != "Benchmarks" else { return [] }
        return file.findings(
            of: /\bPipe\(\)|\b[pP]rocess\.run\(\)/, hints: ["Pipe()", "rocess.run()"], in: file.code,
            "Pipe.unshared(), start()")
    }

    /// Waiting.swift says why.
    private static let whoWaitsSaysSo = Rule(
        "a suite whose tests wait has threads for it",
        bad: "// .\n@Suite struct A {\n    @Test func a() throws { _ = try runToEnd(b, []) }\n}\n",
        good: "// .\n@Suite(.waits) struct A {\n    @Test func a() { usleep(1) }\n}\n"
    ) { file in
        let calls = ["Daemon(", "runToEnd(", "usleep("]
        guard file.isSwift, file.code.contains(where: { calls.contains(where: $0.contains) }) else {
            return []
        }
        return file.findings(of: /@Suite struct/, hints: ["@Suite struct"], in: file.code, "@Suite(.waits)")
    }

    /// Longer than a screen, each for a reason.
    private static let longFunctions = [
        "Sources/Gateway/Assembly.swift init": "makes every part once, in the order of their needs",
        "Sources/Gateway/Ops/MetricsPage.swift init": "a list of metrics",
    ]

    private static let functionLength = Rule(
        "a function fits on a screen",
        bad: "// .\nfunc a() {\n" + String(repeating: "    b()\n", count: 60) + "}\n",
        good: "// .\nprotocol P {\n    func a()\n    func b() -> Int\n}\nfunc a() {\n"
            + String(repeating: "    b()\n", count: 58) + "}\n"
    ) { file in
        guard file.isSwift else { return [] }
        return FunctionSpans(file).all.compactMap { span in
            let count = span.lines.count
            let isKnown = longFunctions["\(file.path) \(span.name)"] != nil
            return count > 60 && !isKnown
                ? file.finding(span.lines.lowerBound, "\(span.name) has \(count) lines") : nil
        }
    }

    /// Longer than a sitting, each for a reason.
    private static let longFiles: [String: String] = [:]

    private static let fileLength = Rule(
        "a file is read in a sitting", bad: String(repeating: "// x\n", count: 452),
        good: String(repeating: "// x\n", count: 449)
    ) { file in
        guard file.isSwift, longFiles[file.path] == nil, file.lines.count > 451 else { return [] }
        return [file.finding(450, "\(file.lines.count - 1) lines")]
    }
}
