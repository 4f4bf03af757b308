// House rules that the compiler cannot hold, over the whole tree.

import Foundation
import Testing

@Suite struct TidyTests {
    @Test(arguments: Rule.code + Rule.text)
    func theTreeKeeps(rule: Rule) {
        let found = Tree.files.flatMap(rule.findings)
        #expect(found.isEmpty, "\(rule.name)\n\(found.map(\.description).joined(separator: "\n"))")
    }

    @Test(arguments: Rule.code + Rule.text)
    func everyRuleCatchesItsBadExampleAndNotItsGoodOne(rule: Rule) {
        #expect(!rule.findings(rule.bad).isEmpty, "\(rule.name) finds nothing in its bad example")
        #expect(rule.findings(rule.good).isEmpty, "\(rule.name) complains about its good example")
    }

    @Test func theTreeWasFound() {
        let paths = Tree.files.map(\.path)
        for path in ["Package.swift", "README.md", "Sources/Domain/SyncToken.swift", "config/tidings.yaml"] {
            #expect(paths.contains(path))
        }
    }

    @Test func everyScriptCanBeRun() {
        for file in Tree.files where file.isScript {
            let path = Tree.root.appending(path: file.path).path
            #expect(FileManager.default.isExecutableFile(atPath: path), "\(file.path) is not executable")
        }
    }
}

@Suite struct SourceFileTests {
    @Test func stringsAndCommentsAreBlankedAndInterpolationsAreNot() {
        let text = ##"""
            let a = "x \(b["k"]) y" // note
            let c = #"raw "quoted" \#(d) \n"#
            let e = """
                data { \(f) }
                """
            let g = "\"{" + h
            """##
        let file = SourceFile(path: "a.swift", text: text)
        #expect(
            file.code.map { $0.replacing(#/\s+/#, with: " ") } == [
                #"let a = " b[" "]) " "#, ##"let c = #" d) "#"##, #"let e = """"#, " f) ", #" """"#,
                #"let g = " " + h"#,
            ])
        #expect(file.isData == [false, false, false, true, true, false])
    }

    @Test func spansEndWhereTheBodyDoes() {
        let text = """
            protocol P {
                func a(
                    b: Int
                ) -> Int
                init?(c: Int)
                var d: Int { get }
            }
            struct S {
                init(
                    c: @escaping () -> Void = {}
                ) throws
                where T: P
                {
                    c()
                }
                deinit { }
                static func == (left: S, right: S) -> Bool {
                    true
                }
            }
            """
        let spans = FunctionSpans(SourceFile(path: "a.swift", text: text)).all
        #expect(spans.map(\.name) == ["init", "deinit", "=="])
        #expect(spans.map(\.lines) == [8...14, 15...15, 16...18])
    }
}
