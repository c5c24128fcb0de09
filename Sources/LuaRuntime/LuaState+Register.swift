// SPDX-License-Identifier: Apache-2.0

import CLua

/// What a host function answers: how many of the values that it pushed are its results, or a wait.
package enum LuaReturn: ExpressibleByIntegerLiteral {
    case values(Int)
    /// The script waits. `operation` goes to whoever drives the coroutine, and starts only there: the call fails where
    /// waiting is impossible. What the driver resumes with becomes the results of the call.
    case yield(any Sendable)

    package init(integerLiteral value: Int) { self = .values(value) }
}

package typealias LuaHostBody = (LuaCall) throws -> LuaReturn

extension LuaState {
    /// Makes a Swift function known to scripts. `users.list` becomes a field of the table `users`, which scripts can
    /// read only; a path without a dot becomes a global.
    ///
    /// The state keeps the function until it is closed, so a function that holds the state keeps both alive.
    package func register(_ path: String, _ body: @escaping LuaHostBody) throws(LuaError) {
        try setAPI(path) { stack, name throws(LuaError) in
            stack.push(function: retain(HostFunction(state: self, name: name, path: path, base: 0, body: body)))
        }
    }

    /// A constant at such a path.
    package func define(_ path: String, _ value: LuaValue) throws(LuaError) {
        try setAPI(path) { stack, _ throws(LuaError) in try stack.push(value, in: self) }
    }

    /// A function value that is not bound to a name. It lives as long as the state.
    package func makeFunction(name: String, _ body: @escaping LuaHostBody) throws(LuaError) -> LuaFunctionRef {
        let stack = try stack()
        stack.push(function: retain(HostFunction(state: self, name: name, base: 0, body: body)))
        return LuaFunctionRef(reference: cl_ref(stack.l), owner: releases)
    }

    func retain(_ function: HostFunction) -> HostFunction {
        functions.append(function)
        return function
    }

    private func setAPI(_ path: String, push: (LuaStack, String) throws(LuaError) -> Void) throws(LuaError) {
        let stack = try stack()
        let top = stack.top
        defer { lua_settop(stack.l, top) }
        let parts = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard let name = parts.last, !parts.contains(""), parts.count <= 8 else {
            throw LuaError("not a path of names: '\(path)'")
        }
        pushContainer(parts.dropLast(), on: stack)
        stack.push(name)
        try push(stack, name)
        lua_rawset(stack.l, -3)
        registeredNames.append(path)
    }

    /// Pushes the contents of the table at the path, making what is missing; the globals for an empty path.
    private func pushContainer(_ parts: ArraySlice<String>, on stack: LuaStack) {
        guard let name = parts.last else { return cl_push_globals(stack.l) }
        let path = parts.joined(separator: ".")
        if let reference = apiTables[path] {
            _ = cl_push_ref(stack.l, reference)
            return
        }
        pushContainer(parts.dropLast(), on: stack)
        stack.push(name)
        cl_push_api_table(stack.l, path)
        lua_pushvalue(stack.l, -1)
        apiTables[path] = cl_ref(stack.l)
        // container, name, face, contents → contents
        cl_insert(stack.l, -4)
        lua_rawset(stack.l, -3)
        stack.pop()
    }

    func installRequire(_ modules: @escaping (String) throws -> [UInt8]?) {
        guard let main else { return }
        let loader = HostFunction(state: self, name: "require", base: 0) { [unowned self] call in
            let name = try call.string(1)
            guard let source = try modules(name) else {
                call.pushNil()
                return 1
            }
            let file = name.split { $0 == "." || $0 == "/" }.joined(separator: "/") + ".lua"
            _ = try compile(source, name: file)
            return 1
        }
        cl_install_require(main, Unmanaged.passUnretained(retain(loader)).toOpaque())
    }
}

extension LuaStack {
    /// The function has to be kept by its state.
    func push(function: HostFunction) {
        cl_push_function(l, Unmanaged.passUnretained(function).toOpaque())
    }
}
