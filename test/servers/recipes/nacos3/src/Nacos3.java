package isthmus;

import com.alibaba.nacos.NacosServerBasicApplication;
import com.alibaba.nacos.NacosServerWebApplication;
import com.alibaba.nacos.core.listener.startup.NacosStartUp;
import com.alibaba.nacos.core.listener.startup.NacosStartUpManager;
import com.alibaba.nacos.sys.env.DeploymentType;
import com.alibaba.nacos.sys.env.EnvUtil;
import java.sql.DriverManager;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** Nacos 3 standalone without console: first the core context (gRPC, Derby), then the web context as its child. */
public final class Nacos3 {
    /**
     * Nacos gives Derby ten seconds to create its database, a constant, which is not enough on a busy machine ("load derby-schema.sql
     * error ... Login timeout exceeded"). Created before, without a limit, it is there at once when Nacos connects.
     */
    private static void createDatabase() throws Exception {
        String url = "jdbc:derby:" + System.getProperty("nacos.home") + "/data/derby-data;create=true";
        DriverManager.getConnection(url, "nacos", "nacos").close();
    }

    public static void main(String[] args) throws Exception {
        createDatabase();
        EnvUtil.setDeploymentType(DeploymentType.SERVER);
        NacosStartUpManager.start(NacosStartUp.CORE_START_UP_PHASE);
        ConfigurableApplicationContext core =
                new SpringApplicationBuilder(NacosServerBasicApplication.class).web(WebApplicationType.NONE).run(args);
        NacosStartUpManager.start(NacosStartUp.WEB_START_UP_PHASE);
        new SpringApplicationBuilder(NacosServerWebApplication.class).parent(core).run(args);
    }
}
