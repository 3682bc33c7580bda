"""The common ROS 2 messages that logs use, as interface definitions: names, types and order of the fields.

Names and order are those of the packages builtin_interfaces, std_msgs, geometry_msgs, sensor_msgs, nav_msgs,
tf2_msgs and diagnostic_msgs, so that every ROS 2 tool decodes what is written with them.
"""

from __future__ import annotations

ROS_DEFINITIONS: dict[str, str] = {
    "builtin_interfaces/msg/Time": """\
int32 sec
uint32 nanosec
""",
    "std_msgs/msg/Header": """\
builtin_interfaces/Time stamp
string frame_id
""",
    "geometry_msgs/msg/Vector3": """\
float64 x
float64 y
float64 z
""",
    "geometry_msgs/msg/Point": """\
float64 x
float64 y
float64 z
""",
    "geometry_msgs/msg/Quaternion": """\
float64 x
float64 y
float64 z
float64 w
""",
    "geometry_msgs/msg/Pose": """\
geometry_msgs/Point position
geometry_msgs/Quaternion orientation
""",
    "geometry_msgs/msg/PoseWithCovariance": """\
geometry_msgs/Pose pose
float64[36] covariance
""",
    "geometry_msgs/msg/Twist": """\
geometry_msgs/Vector3 linear
geometry_msgs/Vector3 angular
""",
    "geometry_msgs/msg/TwistWithCovariance": """\
geometry_msgs/Twist twist
float64[36] covariance
""",
    "geometry_msgs/msg/Transform": """\
geometry_msgs/Vector3 translation
geometry_msgs/Quaternion rotation
""",
    "geometry_msgs/msg/TransformStamped": """\
std_msgs/Header header
string child_frame_id
geometry_msgs/Transform transform
""",
    "tf2_msgs/msg/TFMessage": """\
geometry_msgs/TransformStamped[] transforms
""",
    "geometry_msgs/msg/PoseStamped": """\
std_msgs/Header header
geometry_msgs/Pose pose
""",
    "geometry_msgs/msg/PoseWithCovarianceStamped": """\
std_msgs/Header header
geometry_msgs/PoseWithCovariance pose
""",
    "geometry_msgs/msg/PointStamped": """\
std_msgs/Header header
geometry_msgs/Point point
""",
    "geometry_msgs/msg/Vector3Stamped": """\
std_msgs/Header header
geometry_msgs/Vector3 vector
""",
    "geometry_msgs/msg/TwistStamped": """\
std_msgs/Header header
geometry_msgs/Twist twist
""",
    "nav_msgs/msg/Odometry": """\
std_msgs/Header header
string child_frame_id
geometry_msgs/PoseWithCovariance pose
geometry_msgs/TwistWithCovariance twist
""",
    "sensor_msgs/msg/Image": """\
std_msgs/Header header
uint32 height
uint32 width
string encoding
uint8 is_bigendian
uint32 step
uint8[] data
""",
    "sensor_msgs/msg/CompressedImage": """\
std_msgs/Header header
string format
uint8[] data
""",
    "sensor_msgs/msg/RegionOfInterest": """\
uint32 x_offset
uint32 y_offset
uint32 height
uint32 width
bool do_rectify
""",
    "sensor_msgs/msg/CameraInfo": """\
std_msgs/Header header
uint32 height
uint32 width
string distortion_model
float64[] d
float64[9] k
float64[9] r
float64[12] p
uint32 binning_x
uint32 binning_y
sensor_msgs/RegionOfInterest roi
""",
    "sensor_msgs/msg/Imu": """\
std_msgs/Header header
geometry_msgs/Quaternion orientation
float64[9] orientation_covariance
geometry_msgs/Vector3 angular_velocity
float64[9] angular_velocity_covariance
geometry_msgs/Vector3 linear_acceleration
float64[9] linear_acceleration_covariance
""",
    "sensor_msgs/msg/MagneticField": """\
std_msgs/Header header
geometry_msgs/Vector3 magnetic_field
float64[9] magnetic_field_covariance
""",
    "sensor_msgs/msg/NavSatStatus": """\
int8 STATUS_NO_FIX=-1
int8 STATUS_FIX=0
int8 STATUS_SBAS_FIX=1
int8 STATUS_GBAS_FIX=2
uint16 SERVICE_GPS=1
uint16 SERVICE_GLONASS=2
uint16 SERVICE_COMPASS=4
uint16 SERVICE_GALILEO=8
int8 status
uint16 service
""",
    "sensor_msgs/msg/NavSatFix": """\
uint8 COVARIANCE_TYPE_UNKNOWN=0
uint8 COVARIANCE_TYPE_APPROXIMATED=1
uint8 COVARIANCE_TYPE_DIAGONAL_KNOWN=2
uint8 COVARIANCE_TYPE_KNOWN=3
std_msgs/Header header
sensor_msgs/NavSatStatus status
float64 latitude
float64 longitude
float64 altitude
float64[9] position_covariance
uint8 position_covariance_type
""",
    "sensor_msgs/msg/LaserScan": """\
std_msgs/Header header
float32 angle_min
float32 angle_max
float32 angle_increment
float32 time_increment
float32 scan_time
float32 range_min
float32 range_max
float32[] ranges
float32[] intensities
""",
    "sensor_msgs/msg/PointField": """\
uint8 INT8=1
uint8 UINT8=2
uint8 INT16=3
uint8 UINT16=4
uint8 INT32=5
uint8 UINT32=6
uint8 FLOAT32=7
uint8 FLOAT64=8
string name
uint32 offset
uint8 datatype
uint32 count
""",
    "sensor_msgs/msg/PointCloud2": """\
std_msgs/Header header
uint32 height
uint32 width
sensor_msgs/PointField[] fields
bool is_bigendian
uint32 point_step
uint32 row_step
uint8[] data
bool is_dense
""",
    "diagnostic_msgs/msg/KeyValue": """\
string key
string value
""",
}
