"""The package ``selfcue_msgs``: ROS 2 definitions of the messages for which the common packages have none.

Dicts are parallel arrays (``skill_names[i]`` belongs to ``skill_values[i]``); an array of numbers is its shape and its
values, row by row.
"""

from __future__ import annotations

OWN_DEFINITIONS: dict[str, str] = {
    "selfcue_msgs/msg/Contact": """\
std_msgs/Header header
string with_what
geometry_msgs/Point position
float64 force_n
""",
    "selfcue_msgs/msg/Truth": """\
std_msgs/Header header
float64 corridor_nearest_m
float64 clearance_m
string[] fault_active
""",
    "selfcue_msgs/msg/WorldMap": """\
std_msgs/Header header
string world
string[] names
uint32[] corners
float64[] x
float64[] y
""",
    "selfcue_msgs/msg/Trust": """\
std_msgs/Header header
string cue
string level
string reason
string[] evidence_names
float64[] evidence_values
""",
    "selfcue_msgs/msg/Estimate": """\
std_msgs/Header header
string cue
string quantity
string model_id
float64 confidence
uint32[] shape
float32[] value
float32[] lower
float32[] upper
bool[] valid
""",
    "selfcue_msgs/msg/LearnerStatus": """\
std_msgs/Header header
string pair
string trust
bool ready
bool ready_fast
bool frozen
string model_id
string[] skill_names
float64[] skill_values
string[] count_names
int64[] count_values
""",
    "selfcue_msgs/msg/VelocityCommand": """\
std_msgs/Header header
geometry_msgs/Twist twist
string mode
string reason
""",
    "selfcue_msgs/msg/SafeCommand": """\
std_msgs/Header header
geometry_msgs/Twist twist
string mode
string limited_by
""",
    "selfcue_msgs/msg/AgentStatus": """\
std_msgs/Header header
string state
string phase
string reason
string[] count_names
int64[] count_values
""",
    "selfcue_msgs/msg/JournalEvent": """\
std_msgs/Header header
string kind
# each value is JSON: text, whole number, number or truth value
diagnostic_msgs/KeyValue[] detail
""",
    "selfcue_msgs/msg/NodeHealth": """\
std_msgs/Header header
string host
string[] nodes
string[] rate_topics
float64[] rate_hz
string[] drop_names
int64[] drop_counts
float64 cpu_share
int64 rss_bytes
""",
    "selfcue_msgs/msg/Health": """\
std_msgs/Header header
# topic, input or node, and its name
string kind
string name
# ok, slow or stale
string level
string reason
float64 asked_hz
float64 measured_hz
float64 age_s
int64 drops
float64 temperature_c
""",
    "selfcue_msgs/msg/ProcessStatus": """\
std_msgs/Header header
string process
# starting, up, waiting, ended or failed
string state
int64 pid
int64 restarts
string reason
""",
    "selfcue_msgs/msg/ClockOffset": """\
std_msgs/Header header
# of another machine, and the domain of its clock
string process
string domain
# theirs = ours + offset
int64 offset_ns
int64 uncertainty_ns
float64 skew_ppm
float64 skew_uncertainty_ppm
int64 samples
int64 jumps
""",
    "selfcue_msgs/msg/DeviceStatus": """\
std_msgs/Header header
string device
# opening, up, waiting, ended or failed
string state
string reason
int64 reconnects
int64 hangs
int64 readings
int64 lost
int64 dropped
float64 age_s
float64 asked_hz
float64 measured_hz
# arrival, monotonic or device
string clock
int64 clock_jumps
int64 clock_uncertainty_ns
""",
    "selfcue_msgs/msg/Audio": """\
std_msgs/Header header
uint32 sample_rate_hz
uint32 channels
string format
uint8[] data
""",
    "selfcue_msgs/msg/Scalars": """\
std_msgs/Header header
string[] names
float64[] values
""",
}
