#!lua name=jobhopper
-- The hopper's functions. Keys of a queue, in this order:
--   1 ready     sorted set: id by score
--   2 jobs      hash: id -> "attempt updated_at json"
--   3 horizon   hash: score, id (the bound: pairs below it are in ready), bytes
--   4 taken     sorted set: "id attempt" by the time (ms) until which its offers are stale
--   5 settings  hash: paused
--   6 refill    hash: token, until, and the lowest pair ignored since it began
--   7 offers    the channel that tells of new work
-- A bound "just above id" is written as the id with "!" behind it: that sorts after the id
-- and before every other.

local INFINITE = 1e300
local OFFER_TRUST_MS = 5000
local TAKEN_MS = 10000

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function below(score, id, other_score, other_id)
  return score < other_score or (score == other_score and id < other_id)
end

local function horizon(keys)
  local found = redis.call('HMGET', keys[3], 'score', 'id')
  if not found[1] then return nil end
  return tonumber(found[1]), found[2]
end

local function set_horizon(keys, score, id)
  redis.call('HSET', keys[3], 'score', string.format('%.17g', score), 'id', id)
end

local function add_bytes(keys, bytes)
  if bytes ~= 0 then redis.call('HINCRBY', keys[3], 'bytes', bytes) end
end

local function remember_ignored(keys, score, id)
  local found = redis.call('HMGET', keys[6], 'token', 'score', 'id')
  if not found[1] then return end
  if not found[2] or below(score, id, tonumber(found[2]), found[3]) then
    redis.call('HSET', keys[6], 'score', string.format('%.17g', score), 'id', id)
  end
end

local function updated_at(value)
  return tonumber(string.match(value, '^%d+ (%d+)'))
end

local function drop(keys, id)
  redis.call('ZREM', keys[1], id)
  local held = redis.call('HGET', keys[2], id)
  if held then
    redis.call('HDEL', keys[2], id)
    add_bytes(keys, -#held)
  end
  return held
end

-- Puts one job in, unless what is held is newer, or this very attempt was taken already.
local function put(keys, id, score, attempt, value, mind_taken)
  if mind_taken and redis.call('ZSCORE', keys[4], id .. ' ' .. attempt) then return 0 end
  local held = redis.call('HGET', keys[2], id)
  if held then
    if updated_at(held) > updated_at(value) then return 0 end
    add_bytes(keys, -#held)
  end
  redis.call('ZADD', keys[1], score, id)
  redis.call('HSET', keys[2], id, value)
  add_bytes(keys, #value)
  return 1
end

-- Takes the last jobs out while there are too many, lowering the horizon to each.
local function trim(keys, most_jobs, most_bytes)
  local bytes = tonumber(redis.call('HGET', keys[3], 'bytes') or '0')
  local count = redis.call('ZCARD', keys[1])
  while count > 1 and (count > most_jobs or bytes > most_bytes) do
    local last = redis.call('ZPOPMAX', keys[1])
    local held = redis.call('HGET', keys[2], last[1])
    if held then
      redis.call('HDEL', keys[2], last[1])
      add_bytes(keys, -#held)
      bytes = bytes - #held
    end
    set_horizon(keys, tonumber(last[2]), last[1])
    count = count - 1
  end
end

-- args: time (ms) taken before the database was read, most jobs, most bytes,
--       then of each job: id, score, attempt, value. Returns how many went in.
local function offer(keys, args)
  if now_ms() - tonumber(args[1]) > OFFER_TRUST_MS then return -1 end
  local score_h, id_h = horizon(keys)
  local added = 0
  for i = 4, #args, 4 do
    local id, score = args[i], tonumber(args[i + 1])
    if score_h and below(score, id, score_h, id_h) then
      added = added + put(keys, id, score, args[i + 2], args[i + 3], true)
    else
      remember_ignored(keys, score, id)
    end
  end
  if added > 0 then
    trim(keys, tonumber(args[2]), tonumber(args[3]))
    redis.call('PUBLISH', keys[7], added)
  end
  return added
end

-- args: how many, the low-water mark. Returns a word ('ok', 'dry', 'cold', 'paused'), whether a
-- refill is due, then id and value of each job. 'cold': nothing is known; 'dry': there is more
-- in the database.
local function take(keys, args)
  if redis.call('HGET', keys[5], 'paused') == '1' then return {'paused', 0} end
  local score_h = horizon(keys)
  if not score_h then return {'cold', 1} end
  local now = now_ms()
  redis.call('ZREMRANGEBYSCORE', keys[4], '-inf', now)
  local popped = redis.call('ZPOPMIN', keys[1], tonumber(args[1]))
  local left = redis.call('ZCARD', keys[1])
  local finite = score_h < INFINITE
  local short = finite and #popped / 2 < tonumber(args[1])
  local reply = {short and 'dry' or 'ok', (finite and left < tonumber(args[2])) and 1 or 0}
  local bytes = 0
  for i = 1, #popped, 2 do
    local id = popped[i]
    local value = redis.call('HGET', keys[2], id)
    if value then
      redis.call('HDEL', keys[2], id)
      bytes = bytes + #value
      local attempt = string.match(value, '^(%d+)')
      redis.call('ZADD', keys[4], now + TAKEN_MS, id .. ' ' .. attempt)
      reply[#reply + 1] = id
      reply[#reply + 1] = value
    end
  end
  add_bytes(keys, -bytes)
  return reply
end

-- args: of each job: id, score, attempt, value. What was taken and not claimed comes back.
local function give_back(keys, args)
  local score_h, id_h = horizon(keys)
  local added = 0
  for i = 1, #args, 4 do
    local id, score = args[i], tonumber(args[i + 1])
    redis.call('ZREM', keys[4], id .. ' ' .. args[i + 2])
    if score_h and below(score, id, score_h, id_h) then
      added = added + put(keys, id, score, args[i + 2], args[i + 3], false)
    else
      remember_ignored(keys, score, id)
    end
  end
  if added > 0 then redis.call('PUBLISH', keys[7], added) end
  return added
end

-- args: ids. They are out of the hopper, whatever their state.
local function forget(keys, args)
  local dropped = 0
  for _, id in ipairs(args) do
    if drop(keys, id) then dropped = dropped + 1 end
  end
  return dropped
end

-- args: token, how long (ms) it may take. Returns 'busy' while another's is under way, else 'go',
-- the time (ms), the horizon's score and id (empty: none), and how many jobs are held.
local function refill_begin(keys, args)
  local now = now_ms()
  local other = redis.call('HMGET', keys[6], 'token', 'until')
  if other[1] and tonumber(other[2]) > now then return {'busy'} end
  local found = redis.call('HMGET', keys[3], 'score', 'id')
  redis.call('DEL', keys[6])
  redis.call('HSET', keys[6], 'token', args[1], 'until', now + tonumber(args[2]),
    'from_score', found[1] or '', 'from_id', found[2] or '')
  return {'go', now, found[1] or '', found[2] or '', redis.call('ZCARD', keys[1])}
end

local function new_horizon(keys, complete, last_score, last_id)
  local score, id = INFINITE, ''
  if not complete then score, id = last_score, last_id .. '!' end
  local ignored = redis.call('HMGET', keys[6], 'score', 'id')
  if ignored[1] and below(tonumber(ignored[1]), ignored[2], score, id) then
    score, id = tonumber(ignored[1]), ignored[2]
  end
  return score, id
end

-- args: token, 1 when read from the start (0: from the horizon), 1 when the read met the end,
--       most jobs, most bytes, then of each job, in order: id, score, attempt, value.
-- Returns 'lost' when the token is no longer the refill's, else 'done' and how many went in.
local function refill_end(keys, args)
  local now = now_ms()
  local begun = redis.call('HMGET', keys[6], 'token', 'until', 'from_score', 'from_id')
  if begun[1] ~= args[1] or tonumber(begun[2]) < now then return {'lost', 0} end
  local from_start, complete = args[2] == '1', args[3] == '1'
  local score_h, id_h = horizon(keys)
  if not from_start and (not score_h or tonumber(begun[3]) ~= score_h or begun[4] ~= id_h) then
    -- The horizon was lowered meanwhile: what lies between was not read.
    redis.call('DEL', keys[6])
    return {'done', 0}
  end
  local last = #args - 3
  local to_score, to_id = INFINITE, ''
  if complete or last >= 6 then
    to_score, to_id = new_horizon(keys, complete, tonumber(args[last + 1]), args[last])
  else
    to_score, to_id = score_h or -1, id_h or ''
  end
  if score_h and below(to_score, to_id, score_h, id_h) then to_score, to_id = score_h, id_h end
  set_horizon(keys, to_score, to_id)
  local added = 0
  for i = 6, #args, 4 do
    local id, score = args[i], tonumber(args[i + 1])
    if below(score, id, to_score, to_id) then
      added = added + put(keys, id, score, args[i + 2], args[i + 3], true)
    end
  end
  redis.call('DEL', keys[6])
  trim(keys, tonumber(args[4]), tonumber(args[5]))
  if added > 0 then redis.call('PUBLISH', keys[7], added) end
  return {'done', added}
end

redis.register_function('jh_offer', offer)
redis.register_function('jh_take', take)
redis.register_function('jh_give_back', give_back)
redis.register_function('jh_forget', forget)
redis.register_function('jh_refill_begin', refill_begin)
redis.register_function('jh_refill_end', refill_end)
