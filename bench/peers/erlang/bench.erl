%% The workloads of noh-bench in Erlang: plain processes, which send, receive and are spawned as any
%% program would do it. Says nothing of flags; `peer` starts the machine with them.
-module(bench).

-export([main/1, rest/1]).

-define(RING_MEMBERS, 1000).
-define(CROWD, 120).
-define(PRODUCERS, 100).
-define(JOINERS, 60).
-define(FAN_OUT, 10).
-define(PORTION, 50).
-define(LONGEST_SLEEP_MS, 1000).
-define(SHORTEST_TIMEOUT_MS, 10 * 60 * 1000).
-define(GRACE_MS, 60 * 1000).

%% What receives from many: it keeps its messages off its heap, so that senders need not wait for each
%% other, and so that its collections need not copy what waits. It does not pay where one sends.
-define(FOR_MANY_SENDERS, [link, {message_queue_data, off_heap}]).

%% ---- one run

%% N may be "default". Ends the machine with status 0, or 1 when the result is wrong.
main([Name, N, Tokens]) ->
    {Workload, Default} = workload(Name),
    Operations = case N of "default" -> Default; _ -> list_to_integer(N) end,
    Parts = list_to_integer(Tokens),
    {_, Monitor} = spawn_monitor(fun() -> exit({shown, Workload(Operations, Parts)}) end),
    receive
        {'DOWN', Monitor, process, _, {shown, Result}} ->
            print(Name, Parts, Result),
            halt(0);
        {'DOWN', Monitor, process, _, Why} ->
            io:format(standard_error, "erlang: ~s failed: ~0p~n", [Name, Why]),
            halt(1)
    end.

%% Of each: the function, and how many operations take about a second.
workload("pingpong") -> {fun(N, Balls) -> play(N, 1, Balls) end, 5000000};
workload("pairs") -> {fun(N, Pairs) -> play(N, Pairs, 1) end, 5000000};
workload("ring") -> {fun ring/2, 6000000};
workload("counting") -> {fun(N, _) -> stream(N, 1, 1) end, 10000000};
workload("fanin") -> {fun(N, _) -> stream(N, ?PRODUCERS, 1) end, 5000000};
workload("forkjoin") -> {fun(N, _) -> stream(N, 1, ?JOINERS) end, 10000000};
workload("spawn") -> {fun spawn_lives/2, 1000000};
workload("skynet") -> {fun skynet/2, 1000000};
workload("big") -> {fun big/2, 6000000};
workload("idle") -> {fun idle/2, 500000};
workload("timers") -> {fun timers/2, 500000};
workload("cancel") -> {fun cancel/2, 3000000}.

print(Name, Tokens, {N, Ns, Extras}) ->
    io:format("{\"workload\":\"~s\",\"workers\":~b,\"n\":~b,\"tokens\":~b,\"ns_per_op\":~.3f,"
              "\"seconds\":~.6f,\"peak_rss_bytes\":~b",
              [Name, erlang:system_info(schedulers_online), N, Tokens, Ns / N, Ns / 1.0e9,
               memory_bytes("VmHWM:")]),
    [io:format(",\"~s\":~.6f", [Key, float(Value)]) || {Key, Value} <- Extras],
    io:format("}~n").

%% ---- what all share

now_ns() ->
    erlang:monotonic_time(nanosecond).

memory_bytes(Key) ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, [Kilobytes]} =
        re:run(Status, Key ++ "\\s+(\\d+) kB", [{capture, all_but_first, list}]),
    list_to_integer(Kilobytes) * 1024.

equal(_, Same, Same) -> ok;
equal(What, Found, Expected) -> error({wrong_result, What, Found, Expected}).

%% The part of N that falls to one of Parts: as even as can be, all parts together N.
share(N, Parts, Part) when Part < N rem Parts -> N div Parts + 1;
share(N, Parts, _) -> N div Parts.

sum_below(N) ->
    N * (N - 1) div 2.

%% Waits for as many parts to finish and returns the sums of what they tell.
finished(N, Parts) ->
    finished(?GRACE_MS + N div 100, Parts, 0, 0).

finished(_, 0, Count, Sum) ->
    {Count, Sum};
finished(WithinMs, Parts, Count, Sum) ->
    receive
        {finished, PartsCount, PartsSum} ->
            finished(WithinMs, Parts - 1, Count + PartsCount, Sum + PartsSum)
    after WithinMs ->
        error({unfinished, Parts})
    end.

tallies(Processes) ->
    lists:sum([tally(Process) || Process <- Processes]).

tally(Process) ->
    Process ! {get_tally, self()},
    receive {tally, Process, Count} -> Count after ?GRACE_MS -> error(no_tally) end.

%% Spawns N processes that know this one; returns them in order.
spawn_many(N, Function) ->
    Root = self(),
    [spawn_link(fun() -> Function(Root, I) end) || I <- lists:seq(0, N - 1)].

%% ---- pingpong and pairs: two processes throw a ball to and fro

play(N, Pairs, Balls) ->
    Players = spawn_many(2 * Pairs, fun(Root, _) -> player(Root, 0) end),
    Began = now_ns(),
    serve(Players, N, Pairs, 0, Balls),
    {Bounces, _} = finished(N, Pairs * Balls),
    Ns = now_ns() - Began,
    equal(bounces, Bounces, N),
    equal(hits, tallies(Players), N),
    {N, Ns, []}.

serve([One, Other | Players], N, Pairs, Pair, Balls) ->
    One ! {serve, Other, Balls, share(N, Pairs, Pair)},
    serve(Players, N, Pairs, Pair + 1, Balls);
serve([], _, _, _, _) ->
    ok.

player(Root, Hits) ->
    receive
        {ball, From, Left, Bounced} when Left > 1 ->
            From ! {ball, self(), Left - 1, Bounced + 1},
            player(Root, Hits + 1);
        {ball, _, _, Bounced} ->
            Root ! {finished, Bounced + 1, 0},
            player(Root, Hits + 1);
        {serve, To, Balls, N} ->
            [To ! {ball, self(), share(N, Balls, Ball), 0} || Ball <- lists:seq(0, Balls - 1)],
            player(Root, Hits);
        {get_tally, From} ->
            From ! {tally, self(), Hits},
            player(Root, Hits)
    end.

%% ---- ring: tokens go round a thousand processes

ring(N, Tokens) ->
    Members = spawn_many(?RING_MEMBERS, fun(Root, _) -> join(Root) end),
    [Member ! {next, Next} || {Member, Next} <- lists:zip(Members, tl(Members) ++ [hd(Members)])],
    [receive {joined, Member} -> ok end || Member <- Members],
    Starts = [lists:nth(I * ?RING_MEMBERS div Tokens rem ?RING_MEMBERS + 1, Members)
              || I <- lists:seq(0, Tokens - 1)],

    Began = now_ns(),
    [Start ! {token, share(N, Tokens, I), 0} || {I, Start} <- lists:enumerate(0, Starts)],
    {Hops, _} = finished(N, Tokens),
    Ns = now_ns() - Began,
    equal(hops, Hops, N),
    equal(hops_seen, tallies(Members), N),
    {N, Ns, []}.

join(Root) ->
    receive
        {next, Next} ->
            Root ! {joined, self()},
            member(Root, Next, 0)
    end.

member(Root, Next, Seen) ->
    receive
        {token, Left, Hops} when Left > 1 ->
            Next ! {token, Left - 1, Hops + 1},
            member(Root, Next, Seen + 1);
        {token, _, Hops} ->
            Root ! {finished, Hops + 1, 0},
            member(Root, Next, Seen + 1);
        {get_tally, From} ->
            From ! {tally, self(), Seen},
            member(Root, Next, Seen)
    end.

%% ---- big: everybody pings random others and answers their pings

-record(talker, {root, crowd, index, pings, random, sent = 0, answered = 0}).

big(Messages, _) ->
    Pings = (Messages + 1) div 2, % a ping and its pong are two messages
    Crowd = spawn_many(?CROWD, fun(Root, I) -> learn_crowd(Root, I, share(Pings, ?CROWD, I)) end),
    [Talker ! {crowd, list_to_tuple(Crowd)} || Talker <- Crowd],
    [receive {joined, Talker} -> ok end || Talker <- Crowd],

    Began = now_ns(),
    [Talker ! talk || Talker <- Crowd],
    {Answered, _} = finished(Messages, ?CROWD),
    Ns = now_ns() - Began,
    equal(answered_pings, Answered, Pings),
    equal(pings_seen, tallies(Crowd), Pings),
    {2 * Pings, Ns, []}.

learn_crowd(Root, Index, Pings) ->
    receive
        {crowd, Crowd} ->
            Root ! {joined, self()},
            talker(#talker{root = Root, crowd = Crowd, index = Index, pings = Pings,
                           random = rand:mwc59_seed(Index)})
    end.

talker(#talker{sent = Sent, answered = Answered} = Self) ->
    receive
        {ping, From, Number, Check} ->
            From ! {pong, Number, Check},
            talker(Self#talker{answered = Answered + 1});
        {pong, Number, Check} when Number =:= Sent - 1, Check =:= bnot Number ->
            talker(talk(Self));
        talk ->
            talker(talk(Self));
        {get_tally, From} ->
            From ! {tally, self(), Answered},
            talker(Self)
    end.

talk(#talker{sent = Sent, pings = Sent, root = Root} = Self) ->
    Root ! {finished, Sent, 0},
    Self;
talk(#talker{sent = Sent, crowd = Crowd, index = Index, random = Random} = Self) ->
    Next = rand:mwc59(Random),
    Other = case (rand:mwc59_value32(Next) * (?CROWD - 1)) bsr 32 of
                Before when Before < Index -> Before;
                After -> After + 1
            end,
    element(Other + 1, Crowd) ! {ping, self(), Sent, bnot Sent},
    Self#talker{sent = Sent + 1, random = Next}.

%% ---- counting, fanin, forkjoin: who sends does not wait for an answer

stream(N, Producers, Receivers) ->
    Root = self(),
    Options = case Producers of 1 -> [link]; _ -> ?FOR_MANY_SENDERS end,
    Counters = [spawn_opt(fun() -> counter(Root, share(N, Receivers, I), 0, 0) end, Options)
                || I <- lists:seq(0, Receivers - 1)],
    Senders = spawn_many(Producers, fun(_, _) -> receive {produce, First, End} ->
                                                     produce(Counters, Counters, First, End)
                                                 end end),
    Began = now_ns(),
    start(Senders, N, Producers, 0, 0),
    {Count, Sum} = finished(N, min(Receivers, N)),
    Ns = now_ns() - Began,
    equal(messages, Count, N),
    equal(sum, Sum, sum_below(N)),
    equal(messages_seen, tallies(Counters), N),
    {N, Ns, []}.

start([Sender | Senders], N, Producers, I, First) ->
    End = First + share(N, Producers, I),
    Sender ! {produce, First, End},
    start(Senders, N, Producers, I + 1, End);
start([], _, _, _, _) ->
    ok.

%% To the counters in turn. Needs no portions: a process that has had its time is put aside.
produce(_, _, End, End) ->
    ok;
produce([], Counters, Next, End) ->
    produce(Counters, Counters, Next, End);
produce([Counter | Others], Counters, Next, End) ->
    Counter ! {parcel, Next, Next},
    produce(Others, Counters, Next + 1, End).

counter(Root, Expected, Count, Sum) ->
    receive
        {parcel, _, Value} when Count + 1 =:= Expected ->
            Root ! {finished, Expected, Sum + Value},
            counter(Root, Expected, Expected, Sum + Value);
        {parcel, _, Value} ->
            counter(Root, Expected, Count + 1, Sum + Value);
        {get_tally, From} ->
            From ! {tally, self(), Count},
            counter(Root, Expected, Count, Sum)
    end.

%% ---- spawn: lives of one message each; the parent is told of each end

spawn_lives(N, _) ->
    Root = self(),
    Breeder = spawn_link(fun() -> receive more -> breeder(Root, N, 0, 0) end end),
    Began = now_ns(),
    Breeder ! more,
    Breeder ! more,
    {Lives, _} = finished(N, 1),
    Ns = now_ns() - Began,
    equal(lives, Lives, N),
    {N, Ns, []}.

breeder(Root, N, _, N) ->
    Root ! {finished, N, 0};
breeder(Root, N, Born, Ended) ->
    receive
        {'DOWN', _, process, _, normal} ->
            breeder(Root, N, Born, Ended + 1);
        more ->
            Next = min(Born + ?PORTION div 2, N),
            give_life(Born, Next),
            Next < N andalso (self() ! more),
            breeder(Root, N, Next, Ended)
    end.

give_life(Number, Number) ->
    ok;
give_life(Number, End) ->
    {Child, _} = spawn_monitor(fun() -> receive {live, Number, Check} when Check =:= bnot Number ->
                                            ok
                                        end end),
    Child ! {live, Number, bnot Number},
    give_life(Number + 1, End).

%% ---- skynet: a tree whose leaves send their numbers, and whose nodes add them up

skynet(N, _) ->
    Root = self(),
    Began = now_ns(),
    spawn(fun() -> node(Root, 0, N) end),
    {Leaves, Sum} = subtotals(1, 0, 0),
    Ns = now_ns() - Began,
    equal(leaves, Leaves, N),
    equal(sum, Sum, sum_below(N)),
    {N, Ns, []}.

node(Parent, First, 1) ->
    Parent ! {subtotal, 1, First};
node(Parent, First, Leaves) ->
    Self = self(),
    Children = min(?FAN_OUT, Leaves),
    lists:foldl(fun(I, Begin) ->
                    Below = share(Leaves, Children, I),
                    spawn(fun() -> node(Self, Begin, Below) end),
                    Begin + Below
                end, First, lists:seq(0, Children - 1)),
    {Leaves, Sum} = subtotals(Children, 0, 0),
    Parent ! {subtotal, Leaves, Sum}.

subtotals(0, Leaves, Sum) ->
    {Leaves, Sum};
subtotals(Children, Leaves, Sum) ->
    receive
        {subtotal, More, Value} -> subtotals(Children - 1, Leaves + More, Sum + Value)
    end.

%% ---- idle: processes that have received one message each and then do nothing

idle(N, _) ->
    Root = self(),
    Nursery = spawn_link(fun() -> receive more -> nursery(Root, N, 0, 0) end end),
    Before = memory_bytes("VmRSS:"),
    Began = now_ns(),
    Nursery ! more,
    {Count, Sum} = finished(N, 1),
    Ns = now_ns() - Began,
    equal(processes, Count, N),
    equal(sum, Sum, sum_below(N)),
    {N, Ns, [{bytes_per_actor, (memory_bytes("VmRSS:") - Before) / N}]}.

%% Waits for each portion before the next, so that all memory taken is the sleepers'.
nursery(Root, N, N, Sum) ->
    Root ! {finished, N, Sum},
    receive stop -> ok end;
nursery(Root, N, Born, Sum) ->
    Next = min(Born + ?PORTION, N),
    [wake(Number) || Number <- lists:seq(Born, Next - 1)],
    nursery(Root, N, Next, Sum + woken(Next - Born, 0)).

wake(Number) ->
    Child = spawn(fun sleeper/0),
    Child ! {wake, self(), Number, bnot Number}.

woken(0, Sum) ->
    Sum;
woken(Sleepers, Sum) ->
    receive {woken, Number} -> woken(Sleepers - 1, Sum + Number) end.

sleeper() ->
    receive
        {wake, From, Number, Check} when Check =:= bnot Number ->
            From ! {woken, Number},
            erlang:hibernate(?MODULE, rest, [Number]) % gives back what of its heap it does not use
    end.

rest(Number) ->
    receive {get_number, From} -> From ! {number, Number} end.

%% ---- timers: processes that sleep once and are gone

timers(N, _) ->
    Root = self(),
    Dormitory = spawn_opt(fun() -> receive more -> dormitory(Root, N) end end,
                          ?FOR_MANY_SENDERS),
    CpuBefore = cpu_seconds(),
    Began = now_ns(),
    Dormitory ! more,
    {Sleeps, _} = finished(N, 1),
    Ns = now_ns() - Began,
    Cpu = cpu_seconds() - CpuBefore,
    equal(sleeps, Sleeps, N),
    Dormitory ! {get_late, self()},
    receive {late, Late} -> ok end,
    Sorted = list_to_tuple(lists:sort(Late)),
    {N, Ns, [{cpu_seconds, Cpu}, {late_p50_us, percentile(50, Sorted)},
             {late_p99_us, percentile(99, Sorted)}]}.

cpu_seconds() ->
    {Ms, _} = statistics(runtime),
    Ms / 1000.

percentile(Percent, Sorted) ->
    element(max(1, tuple_size(Sorted) * Percent div 100), Sorted) / 1000.

dormitory(Root, N) ->
    AskedMs = put_to_bed(N, rand:mwc59_seed(42), 0),
    {AskedMs, Late} = wake_all(N, 0, []),
    Root ! {finished, N, 0},
    receive {get_late, From} -> From ! {late, Late} end.

put_to_bed(0, _, AskedMs) ->
    AskedMs;
put_to_bed(Beds, Random, AskedMs) ->
    Dormitory = self(),
    Ms = 1 + rand:mwc59_value32(Random) rem ?LONGEST_SLEEP_MS,
    spawn(fun() -> doze(Dormitory, Ms) end),
    put_to_bed(Beds - 1, rand:mwc59(Random), AskedMs + Ms).

wake_all(0, SleptMs, Late) ->
    {SleptMs, Late};
wake_all(Sleepers, SleptMs, Late) ->
    receive {slept, Ms, LateNs} -> wake_all(Sleepers - 1, SleptMs + Ms, [LateNs | Late]) end.

doze(Dormitory, Ms) ->
    Deadline = now_ns() + Ms * 1000000,
    receive after Ms -> ok end,
    Late = now_ns() - Deadline,
    true = Late >= 0, % never early
    Dormitory ! {slept, Ms, Late}.

%% ---- cancel: timers that are set, and taken back before they fire

cancel(N, _) ->
    Root = self(),
    Guard = spawn_link(fun() -> receive more -> guard(Root, N, 0, rand:mwc59_seed(42)) end end),
    Began = now_ns(),
    Guard ! more,
    {Timers, Rang} = finished(N, 1),
    Ns = now_ns() - Began,
    equal(timers, Timers, N),
    equal(timers_that_fired, Rang, 0),
    {N, Ns, []}.

guard(Root, N, N, _) ->
    Root ! {finished, N, timed_out(0)};
guard(Root, N, Set, Random) ->
    Next = min(Set + ?PORTION, N),
    {Timers, NextRandom} = set_timers(Set, Next, Random, []),
    [true = is_integer(erlang:cancel_timer(Timer)) || Timer <- Timers], % what was left of it
    guard(Root, N, Next, NextRandom).

set_timers(End, End, Random, Timers) ->
    {Timers, Random};
set_timers(Number, End, Random, Timers) ->
    Ms = ?SHORTEST_TIMEOUT_MS + rand:mwc59_value32(Random) rem (?SHORTEST_TIMEOUT_MS),
    Timer = erlang:send_after(Ms, self(), {timed_out, Number, bnot Number}),
    set_timers(Number + 1, End, rand:mwc59(Random), [Timer | Timers]).

timed_out(Count) ->
    receive {timed_out, _, _} -> timed_out(Count + 1) after 0 -> Count end.
