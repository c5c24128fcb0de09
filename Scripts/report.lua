-- SPDX-License-Identifier: Apache-2.0
--
-- Report: writes the usage of each day as CSV, with a line for each user, inbound and outbound that carried something:
--
--     kind,name,up,down
--     user,alice@example.com,1048576,73400320
--
-- The file `usage-2026-05-05.csv` lies in the folder that `automation.files` of the configuration names. It is replaced as a whole each
-- time, so that a reader never finds half of it. The sums hold across restarts and resets by others.
--
-- The core counts only what the configuration's `stats` and `policy` say.

local settings = settings {
    zone = { type = "zone", default = "local", doc = "the time zone of the days" },
    interval = { type = "duration", min = "1s", default = "5m", doc = "how often the file is written" },
    keep = { type = "integer", min = 1, default = 400, doc = "how many days of files to keep" },
    prefix = { type = "string", default = "usage-", doc = "what the files' names begin with" },
}

-- What the store holds, by kind and name: { date, up, down, session, seen_up, seen_down }, the sums of a day and the counters' place; and
-- the { up, down } of the days that ended last, by date: a day comes again where a calendar was wrong for a while.
local sums = {}
for key, sum in pairs(store.list("sum/")) do sums[key:sub(#"sum/" + 1)] = sum end
local day, ended = store.get("day"), store.get("ended") or {}

local function quote(text)
    -- What a spreadsheet takes for a formula is made a text.
    if text:find("^[=+%-@\t]") then text = "'" .. text end
    return text:find('[",\r\n]') and '"' .. text:gsub('"', '""') .. '"' or text
end

local function write(date)
    local lines = {}
    for key, sum in pairs(sums) do
        local kind, name = key:match("^(%a+)/(.*)$")
        if sum.date == date then lines[#lines + 1] = ("%s,%s,%d,%d"):format(kind, quote(name), sum.up, sum.down) end
    end
    table.sort(lines)
    files.write(("%s%s.csv"):format(settings.prefix, date), "kind,name,up,down\n" .. table.concat(lines, "\n")
        .. (#lines > 0 and "\n" or ""))
end

local function clear_up()
    local old = {}
    for _, file in ipairs(files.list(settings.prefix)) do
        if file.name:sub(#settings.prefix + 1):find("^%d%d%d%d%-%d%d%-%d%d%.csv$") then old[#old + 1] = file.name end
    end
    for index = 1, #old - settings.keep do files.remove(old[index]) end
end

local function has_ended(date)
    for _, known in ipairs(ended) do
        if known == date then return true end
    end
    return false
end

-- The record of a kind and name, made one of the date.
local function record_of(key, date)
    local sum = sums[key] or { seen_up = 0, seen_down = 0 }
    if sum.date ~= date then
        if has_ended(sum.date) then store.set(("day/%s/%s"):format(sum.date, key), { up = sum.up, down = sum.down }) end
        local earlier = store.get(("day/%s/%s"):format(date, key)) or { up = 0, down = 0 }
        sum.date, sum.up, sum.down = date, earlier.up, earlier.down
    end
    if sum.session ~= core.session then sum.session, sum.seen_up, sum.seen_down = core.session, 0, 0 end
    return sum
end

-- Makes each record what `fn` gives, many at a time. Sums and the counters' place are stored together, so that no end of the process counts
-- a byte twice or not at all.
local function change(keys, fn)
    for first = 1, #keys, 10000 do
        store.transaction(function()
            for index = first, math.min(first + 9999, #keys) do
                local key = keys[index]
                local sum = fn(key)
                sums[key] = sum
                store.set("sum/" .. key, sum)
            end
        end)
    end
end

local function account(date)
    local totals, keys = {}, {}
    for name, total in pairs(stats.query("", { total = true })) do
        local kind, tag, direction = name:match("^(%a+)>>>(.-)>>>traffic>>>(%a+)link$")
        if kind then
            local key = kind .. "/" .. tag
            local sum = sums[key]
            local seen = sum and sum.session == core.session and sum["seen_" .. direction] or 0
            if total > seen then
                if not totals[key] then totals[key], keys[#keys + 1] = {}, key end
                totals[key][direction] = total
            end
        end
    end
    change(keys, function(key)
        local sum = record_of(key, date)
        for direction, total in pairs(totals[key]) do
            sum[direction] = sum[direction] + total - sum["seen_" .. direction]
            sum["seen_" .. direction] = total
        end
        return sum
    end)
end

-- Ends the day before, and takes up what is known of this one.
local function begin_day(date)
    if day then write(day) end
    local list = {}
    for _, known in ipairs(ended) do
        if known ~= day and known ~= date then list[#list + 1] = known end
    end
    list[#list + 1] = day
    while #list > 2 do
        local old = store.keys(("day/%s/"):format(table.remove(list, 1)))
        for first = 1, #old, 10000 do
            store.transaction(function()
                for index = first, math.min(first + 9999, #old) do store.delete(old[index]) end
            end)
        end
    end
    ended = list
    store.set("ended", ended)
    local keys, prefix = {}, ("day/%s/"):format(date)
    for _, key in ipairs(store.keys(prefix)) do keys[#keys + 1] = key:sub(#prefix + 1) end
    change(keys, function(key) return record_of(key, date) end)
    -- Names of another process that are not seen any more are forgotten.
    local gone = {}
    for key, sum in pairs(sums) do
        if sum.date ~= date and sum.session ~= core.session then gone[#gone + 1] = key end
    end
    change(gone, function(key)
        record_of(key, date)
        return nil
    end)
    day = date
    store.set("day", day)
end

local is_busy = false
local function report()
    if is_busy then return end
    is_busy = true
    local done, problem = pcall(function()
        local today = time.format(time.now(), "%F", settings.zone)
        -- What was carried until now belongs to the day that ends.
        account(day or today)
        if day ~= today then begin_day(today) end
        write(today)
        clear_up()
    end)
    is_busy = false
    if not done then error(problem, 0) end
end

every(settings.interval, report, { name = "report", at_once = true })
-- The day's last bytes belong to it, whatever the interval.
cron("0 0 * * *", report, { name = "midnight", tz = settings.zone })
on_stop(report)
